"""Run every example as a user would, offline, and print its output under its name, with the seconds that it took.

`python scripts/run_examples.py` runs all of examples/ on the embedded models and the shipped stand-ins. Where a real
Ollama and SmolLM2 are there already (`make real` gets both), those that take EXAMPLE_MODEL run once more on them. Ends
with 1 when one of them failed. What an example must print is the tests' affair (tests/surfaces/test_examples.py).
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
NOBODY = "127.0.0.1:1"


def run(example: Path, more: Mapping[str, str], on: str) -> bool:
    """Run one example in an empty folder, without any key; whether it ended well."""
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    print(f"\n===== {example.name}, {on}", flush=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([sys.executable, example], cwd=folder, env={**kept, **more}, check=False)
    ended = "" if done.returncode == 0 else f", exit code {done.returncode}"
    print(f"===== {example.name}: {time.monotonic() - began:.1f} s{ended}", flush=True)
    return done.returncode == 0


@contextmanager
def real_ollama() -> Iterator[str | None]:
    """The address of a real Ollama with SmolLM2, if both are on this machine; nothing is fetched or built."""
    sys.path[:0] = [str(ROOT / "tests" / "real")]
    from real_models import SMOLLM2, smollm2_gguf
    from real_ollama import find_ollama
    from real_server import add_smollm2, serve  # type: ignore[import-not-found]  # of tests/real
    from real_setup import cache_dir

    program = find_ollama()
    if program is None or not (cache_dir() / "models" / SMOLLM2.name).is_dir():
        yield None
        return
    with (
        tempfile.TemporaryDirectory(prefix="ollama-") as folder,
        serve(program, Path(folder), {"OLLAMA_NO_CLOUD": "1"}) as server,
    ):
        add_smollm2(server, smollm2_gguf())
        yield server.url


def main() -> int:
    """Run them all; 1 when one failed."""
    examples = sorted((ROOT / "examples").glob("*.py"))
    well = [run(example, {"OLLAMA_HOST": NOBODY}, "offline") for example in examples]
    with real_ollama() as url:
        if url is None:
            print("\nNo real Ollama with SmolLM2 here, so none was run on it: `make real` gets them.")
        for example in examples if url else ():
            if "EXAMPLE_MODEL" in example.read_text(encoding="utf-8"):
                settings = {"OLLAMA_HOST": str(url), "EXAMPLE_MODEL": "ollama:smollm2"}
                well.append(run(example, settings, "SmolLM2 on a real Ollama"))
    print(f"\n{sum(well)} of {len(well)} runs ended well.")
    return 0 if all(well) else 1


if __name__ == "__main__":
    raise SystemExit(main())
