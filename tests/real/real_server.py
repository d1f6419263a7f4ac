"""Start a real `ollama serve` on a loopback port of its own and put models into it.

The server sees none of the user's Ollama: another port, another models folder, another home, no OLLAMA_* variable of
the caller's. It knows nothing of the orchestrator but the Modelfiles that it is handed.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import ollama

START_SECONDS = 60.0
STOP_SECONDS = 20.0
CALL_SECONDS = 300.0  # the first call to a model loads it
SMOLLM2_CONTEXT = 2048
SMOLLM2_TEMPLATE = """{{- range .Messages }}<|im_start|>{{ .Role }}
{{ .Content }}<|im_end|>
{{ end }}<|im_start|>assistant
"""


class ServerError(RuntimeError):
    """The server did not start, or ended; the message carries the last lines of its log."""


@dataclass(frozen=True, slots=True)
class OllamaServer:
    """A running server: its address, its program and its folder (which holds `serve.log` and `models/`)."""

    url: str
    binary: Path
    folder: Path

    @property
    def openai_url(self) -> str:
        """The base address of its OpenAI-compatible half."""
        return f"{self.url}/v1"

    @property
    def log(self) -> Path:
        """What the server writes, kept until its folder goes."""
        return self.folder / "serve.log"

    def log_tail(self, lines: int = 30) -> str:
        """Return the last lines of the log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def client(self) -> ollama.Client:
        """Return a client that obeys no proxy."""
        return ollama.Client(host=self.url, timeout=CALL_SECONDS, trust_env=False)

    def get(self, path: str) -> httpx.Response:
        """Send a GET and return whatever came back, errors included."""
        return httpx.get(self.url + path, timeout=CALL_SECONDS, trust_env=False)

    def post(self, path: str, **body: object) -> httpx.Response:
        """Send a POST with a JSON body and return whatever came back, errors included."""
        return httpx.post(self.url + path, json=body, timeout=CALL_SECONDS, trust_env=False)


@contextmanager
def serve(binary: Path, folder: Path, extra: Mapping[str, str]) -> Iterator[OllamaServer]:
    """Run a server inside the block, with `extra` variables, and end it and its model runners afterwards.

    Raises:
        ServerError: it was not healthy within `START_SECONDS`; the message ends with its log.
    """
    port = free_port()
    server = OllamaServer(url=f"http://127.0.0.1:{port}", binary=binary, folder=folder)
    variables = environment(server) | dict(extra)
    with server.log.open("wb") as log:
        process = subprocess.Popen(
            [binary, "serve"], env=variables, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            wait_until_healthy(server, process)
            yield server
        finally:
            stop(process)


def environment(server: OllamaServer) -> dict[str, str]:
    """Return the variables for the server and its command line: the caller's, without any of Ollama's or a proxy."""
    foreign = ("OLLAMA_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(foreign)}
    return kept | {
        "HOME": str(server.folder),
        "OLLAMA_HOST": server.url.removeprefix("http://"),
        "OLLAMA_MODELS": str(server.folder / "models"),
        "OLLAMA_MAX_LOADED_MODELS": "8",  # the default of 3 would load and unload the portfolio all the time
    }


def free_port() -> int:
    """Return a loopback port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_healthy(server: OllamaServer, process: subprocess.Popen[bytes]) -> None:
    """Return when the server answers.

    Raises:
        ServerError: it ended, or did not answer in time.
    """
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ServerError(f"`ollama serve` ended with {process.returncode}. Its log:\n{server.log_tail()}")
        try:
            if server.get("/api/version").is_success:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise ServerError(f"`ollama serve` was not healthy after {START_SECONDS} s. Its log:\n{server.log_tail()}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the server, then whatever is left of its process group."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    try:
        os.killpg(process.pid, signal.SIGKILL)  # runners that outlived it; the group is ours alone
    except (ProcessLookupError, PermissionError):  # nothing is left; macOS says so with the second
        return


def add_smollm2(server: OllamaServer, gguf: Path) -> None:
    """Make the model `smollm2`, with its chat template and one context size."""
    settings = {"num_ctx": SMOLLM2_CONTEXT, "temperature": 0, "num_thread": 1, "stop": ["<|im_start|>", "<|im_end|>"]}
    with server.client() as client:
        files = {gguf.name: client.create_blob(gguf)}
        client.create(model="smollm2", files=files, template=SMOLLM2_TEMPLATE, parameters=settings)


def add_minilm(server: OllamaServer, folder: Path) -> None:
    """Make the embedding model `all-minilm` from safetensors (the command line flattens the paths and fails)."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    with server.client() as client:
        files = {path.relative_to(folder).as_posix(): client.create_blob(path) for path in paths}
        client.create(model="all-minilm", files=files)


def add_from_modelfile(server: OllamaServer, name: str, modelfile: str) -> None:
    """Make a model as a user would: `ollama create` with a Modelfile.

    Raises:
        ServerError: the command failed; the message carries what it said.
    """
    path = server.folder / f"{name}.Modelfile"
    path.write_text(modelfile)
    command = [str(server.binary), "create", name, "-f", str(path)]
    done = subprocess.run(command, env=environment(server), capture_output=True, text=True, check=False)
    if done.returncode:
        raise ServerError(f"`ollama create {name}` failed: {done.stdout}{done.stderr}\n{server.log_tail()}")


def add_remote_alias(server: OllamaServer, name: str, model: str, host: str) -> None:
    """Make a local name for a model of another host; the server neither asks nor reaches that host for it."""
    reply = server.post("/api/create", model=name, remote_host=host, stream=False, **{"from": model})
    reply.raise_for_status()
