"""Runs a benchmark beside a real Ollama with SmolLM2 and all-MiniLM: `-m benchmarks.with_ollama MODULE ...`.

The server is started on a port of its own, as the tests do it, and named in $OLLAMA_HOST.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main() -> int:
    """Starts the server, runs the module, ends the server."""
    sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests" / "real")]
    from real_models import minilm_folder, smollm2_gguf
    from real_ollama import ollama_binary
    from real_server import add_minilm, add_smollm2, serve

    program, gguf, minilm = ollama_binary(), smollm2_gguf(), minilm_folder()
    with (
        tempfile.TemporaryDirectory(prefix="ollama-") as folder,
        serve(program, Path(folder), {"OLLAMA_NO_CLOUD": "1"}) as server,
    ):
        add_smollm2(server, gguf)
        add_minilm(server, minilm)
        command = [sys.executable, "-m", *sys.argv[1:]]
        return subprocess.run(command, env={**os.environ, "OLLAMA_HOST": server.url}, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
