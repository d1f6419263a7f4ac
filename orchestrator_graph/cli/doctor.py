"""`orchestrator doctor`: what was found, what is missing, and the one command that would mend it. Changes nothing.

Keys are reported by the name of their variable only.
"""

import json
import os
import platform
import shutil
import urllib.request
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from orchestrator_graph.config import Config, find, load, user_folder
from orchestrator_graph.errors import ConfigError, MemoryStoreError, RegistryError
from orchestrator_graph.gateway.ollama import ollama_url
from orchestrator_graph.wiring import checked_place

__all__ = ["Finding", "examine", "findings_view"]

PACKAGES = ("langgraph", "langchain-core", "langchain-openai", "langchain-ollama", "chromadb", "genai-prices")
KEYS = (
    "OPENAI_API_KEY",
    "ANTHROPIC_API_KEY",
    "AZURE_OPENAI_API_KEY",
    "DEEPSEEK_API_KEY",
    "GOOGLE_API_KEY",
    "MISTRAL_API_KEY",
    "OPENROUTER_API_KEY",
)
PATIENCE_S = 2.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        state: `ok`, `note` (works without it) or `missing` (nothing works without it).
        mend: The one command that would mend it, or "".
    """

    name: str
    state: Literal["ok", "note", "missing"]
    detail: str
    mend: str = ""


def examine() -> list[Finding]:
    """Looks at the machine; asks no server but Ollama's list of models."""
    try:
        config, file = load(), None
    except ConfigError as error:
        config, file = Config(), error
    ollama, local = _ollama()
    keys = sorted(name for name in {*KEYS, *_key_names(config)} if os.environ.get(name))
    return [
        Finding("Python", "ok", platform.python_version()),
        _packages(),
        _config(config, file),
        ollama,
        Finding("cloud keys", "ok" if keys else "note", ", ".join(keys) or "none in the environment"),
        _usable(local, keys, config, ollama.mend),
        _memory(config),
        _embedder(local, named=config.models is not None),
    ]


def findings_view(findings: list[Finding]) -> Group:
    """The findings as a table, and the first thing to do."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("", "what", "found", "to mend it"):
        table.add_column(name, overflow="fold")
    marks = {"ok": ("ok", "green"), "note": ("-", "yellow"), "missing": ("missing", "red")}
    for finding in findings:
        mark, style = marks[finding.state]
        table.add_row(Text(mark, style=style), Text(finding.name), Text(finding.detail), Text(finding.mend))
    first = next((finding for finding in findings if finding.state == "missing"), None)
    closing = f"Missing: {first.name}. Run: {first.mend}" if first else "Ready."
    return Group(table, Text(closing, style="bold"))


def _packages() -> Finding:
    found = {name: _version(name) for name in PACKAGES}
    absent = [name for name, version in found.items() if version is None]
    if absent:
        return Finding("packages", "missing", f"not installed: {', '.join(absent)}", f"pip install {' '.join(absent)}")
    return Finding("packages", "ok", ", ".join(f"{name} {version}" for name, version in found.items()))


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _config(config: Config, error: ConfigError | None) -> Finding:
    if error is not None:
        return Finding("config file", "missing", str(error), f"${{EDITOR:-vi}} {find(os.environ)}")
    if config.path is None:
        return Finding("config file", "note", "none: the defaults are in force", "orchestrator init")
    return Finding("config file", "ok", str(config.path))


def _key_names(config: Config) -> set[str]:
    return {spec.api_key_env for spec in config.model_specs if spec.api_key_env}


def _ollama() -> tuple[Finding, list[str]]:
    try:
        host = ollama_url(os.environ.get("OLLAMA_HOST"))
    except RegistryError as error:
        return Finding("Ollama", "missing", str(error), "unset OLLAMA_HOST"), []
    # no proxy from the environment: a local server is asked directly, as the gateway does
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{host}/api/tags", timeout=PATIENCE_S) as reply:
            listed: Any = json.load(reply)
        names = [str(model["name"]) for model in listed["models"]]
    except (OSError, ValueError, KeyError, TypeError):
        mend = "ollama serve" if shutil.which("ollama") else "curl -fsSL https://ollama.com/install.sh | sh"
        return Finding("Ollama", "note", f"no answer at {host}", mend), []
    if not names:
        return Finding("Ollama", "note", f"{host}, without a model", "ollama pull qwen3:4b"), []
    return Finding("Ollama", "ok", f"{host}: {', '.join(names)}"), names


def _usable(local: list[str], keys: list[str], config: Config, mend: str) -> Finding:
    if local or keys or config.models or os.environ.get("ORCHESTRATOR_DEMO") == "1":
        return Finding("a model to use", "ok", "yes")
    return Finding("a model to use", "missing", "no Ollama model and no cloud key", mend)


def _memory(config: Config) -> Finding:
    where = config.memory or str(user_folder("data", os.environ) / "memory")
    try:
        checked_place(where)
    except MemoryStoreError as error:
        return Finding("memory", "missing", str(error), "orchestrator init")
    if "://" in where:
        return Finding("memory", "ok", where.partition("://")[0] + " server")
    folder = Path(where).absolute()
    root = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not os.access(root, os.W_OK):
        return Finding("memory", "missing", f"{folder}: {root} is not writable", f"chmod u+w {root}")
    return Finding("memory", "ok", f"{folder}{'' if folder.exists() else ' (made at first use)'}")


def _embedder(local: list[str], *, named: bool) -> Finding:
    from orchestrator_graph.memory import onnx_embedder

    pulled = next((name for name in local if any(word in name for word in ("embed", "minilm", "bge-"))), None)
    there = f"ollama:{pulled}" if pulled else "Chroma's own MiniLM" if onnx_embedder() else ""
    if not there:
        return Finding("embedder", "ok", "built-in hashed n-grams", "ollama pull all-minilm")
    # Where models are named, nothing is looked for unasked.
    return Finding(
        "embedder", "ok", f"built-in hashed n-grams; better, and there: embedder='auto' ({there})" if named else there
    )
