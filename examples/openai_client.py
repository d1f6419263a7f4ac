"""Any OpenAI client, with `orchestrator serve` in the place of OpenAI: routing behind the name `orchestrator`.

Needs the extra `server`: pip install "orchestrator-graph[server]". Runs on the embedded models, or on one that you
name: EXAMPLE_MODEL=ollama:smollm2 python examples/openai_client.py
Your own pool: orchestrator serve --models ollama:qwen3:4b --models openai:gpt-5
"""

import os
import socket
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path

from openai import OpenAI

COMMAND = [str(Path(sys.executable).parent / "orchestrator"), "serve", "--memory", "none"]
MODEL = os.environ.get("EXAMPLE_MODEL", "pocket")
TASK = "Reverse the word lantern"


def wait_for(server: "subprocess.Popen[bytes]", port: int) -> None:
    """Returns when somebody listens; a server that ended has said why."""
    while server.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.1)
    raise SystemExit(server.returncode)


def ask(client: OpenAI, model: str) -> None:
    """One question; who answered, and why, stands beside the answer."""
    answer = client.chat.completions.create(model=model, messages=[{"role": "user", "content": TASK}])
    told = (answer.model_extra or {})["orchestrator"]
    print(f"{model}: {str(answer.choices[0].message.content).strip()}")
    print(f"    {answer.model}, ${told['cost_usd']:.8f}: {told['why']}")


def main() -> None:
    """Starts the server, asks it by three names and once as a stream, and ends it."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = int(free.getsockname()[1])
    server = subprocess.Popen([*COMMAND, "--models", MODEL, "--port", str(port)])  # noqa: S603
    try:
        wait_for(server, port)
        with OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="none") as client:
            for model in ("orchestrator", "orchestrator:best", "orchestrator:local"):
                ask(client, model)
            stream = client.chat.completions.create(
                model="orchestrator:cheap", messages=[{"role": "user", "content": TASK}], stream=True
            )
            print("As a stream:", "|".join(piece for c in stream if (piece := c.choices[0].delta.content)))
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
