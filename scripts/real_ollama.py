"""Find a real Ollama, or build one where nothing but package registries can be reached.

`python scripts/real_ollama.py binary` prints the path of an Ollama: `$ORCHESTRATOR_OLLAMA`, else the one on PATH, else
the build in the cache, else a new build made with Go (about 6 minutes on two cores, once). `python
scripts/real_ollama.py models` prints the paths of the real small models (see `real_models`), which it downloads once.
The paths go to standard output, one a line; everything else goes to standard error. This module knows nothing of the
orchestrator.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock
from real_models import minilm_folder, smollm2_gguf
from real_setup import SetupError, cache_dir, run, say

OLLAMA_VERSION = "v0.24.0"  # later tags fetch llama.cpp while they build, which fails without the open network
OLLAMA_MODULE = f"github.com/ollama/ollama@{OLLAMA_VERSION}"
MINIAUDIO_MODULE = "github.com/gen2brain/malgo@v0.11.24"  # module zips leave out vendor/ folders: three headers lack
HEADER_PACKAGES = {"nlohmann/json.hpp": "nlohmann-json3-dev", "stb/stb_image.h": "libstb-dev"}


def find_ollama() -> Path | None:
    """Return an Ollama that is there already: named by the user, on PATH, or built before.

    Raises:
        SetupError: `$ORCHESTRATOR_OLLAMA` names something that cannot be run.
    """
    if named := os.environ.get("ORCHESTRATOR_OLLAMA"):
        found = shutil.which(named)
        if not found:
            raise SetupError(f"ORCHESTRATOR_OLLAMA is {named!r}, which is no program: correct it, or unset it.")
        return Path(found).resolve()
    if on_path := shutil.which("ollama"):
        return Path(on_path).resolve()
    built = cached_binary()
    return built if built.is_file() else None


def cached_binary() -> Path:
    """Return where our own build lies, or will lie."""
    return cache_dir() / "ollama" / OLLAMA_VERSION / "ollama"


def ollama_binary() -> Path:
    """Return the path of an Ollama, and build one first where there is none.

    Raises:
        SetupError: there is none and it cannot be built here.
    """
    found = find_ollama()
    if found:
        return found
    target = cached_binary()
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(target.parent / "build.lock"):
        if not target.is_file():  # another process may have built it while this one waited
            build_ollama(target)
    return target


def build_ollama(target: Path) -> None:
    """Build Ollama with Go and put it at `target` in one step, so that nobody ever sees half of it.

    Raises:
        SetupError: a tool or a header is missing and could not be installed, or the build failed.
    """
    require_tools()
    require_headers()
    say(f"Building Ollama {OLLAMA_VERSION} with Go into {target.parent}: about 6 minutes on two cores, once.")
    include = miniaudio_folder(target.parent)  # not a scratch folder: the flags are part of the key of Go's build cache
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="build-") as folder:
        flags = f"-O3 -march=native{without_amx()} -I{include}"  # without -march=native it answers 3 times slower
        settings = {"CGO_ENABLED": "1", "CGO_CFLAGS": flags, "CGO_CXXFLAGS": flags, "GOBIN": folder}
        stamp = f"-ldflags=-X=github.com/ollama/ollama/version.Version={OLLAMA_VERSION.removeprefix('v')}"  # else 0.0.0
        run(["go", "install", stamp, OLLAMA_MODULE], f"build Ollama {OLLAMA_VERSION}", env=settings)
        (Path(folder) / "ollama").replace(target)


def without_amx() -> str:
    """Flags against AMX, where the compiler knows it: the module zip lacks the file that llama.cpp then links with."""
    flags = "-mno-amx-tile -mno-amx-int8 -mno-amx-bf16"
    try:
        run([*os.environ.get("CXX", "g++").split(), *flags.split(), "-E", "-x", "c++", "-"], "ask for AMX", stdin="")
    except SetupError:
        return ""
    return f" {flags}"


def require_tools() -> None:
    """Check that Go and the two compilers are there.

    Raises:
        SetupError: one of them is not.
    """
    if not shutil.which("go"):
        raise SetupError(
            "There is no Ollama here (ORCHESTRATOR_OLLAMA, PATH, cache) and no Go to build one: install Ollama from "
            "ollama.com, or Go from go.dev, or set ORCHESTRATOR_SKIP_REAL=1 to skip the tests that need it."
        )
    for name, default in (("CC", "gcc"), ("CXX", "g++")):
        compiler = os.environ.get(name, default)
        if not shutil.which(compiler.split()[0]):
            raise SetupError(f"Building Ollama needs the compiler {compiler!r} ({name}): install build-essential.")


def missing_packages() -> list[str]:
    """Return the Debian packages of those headers that the C++ compiler does not find."""
    compiler = os.environ.get("CXX", "g++").split()
    absent = []
    for header, package in HEADER_PACKAGES.items():
        try:
            run([*compiler, "-E", "-x", "c++", "-"], f"find <{header}>", stdin=f"#include <{header}>\n")
        except SetupError:
            absent.append(package)
    return absent


def require_headers() -> None:
    """Make sure of the two headers that come from the system, and install them when we may.

    Raises:
        SetupError: they are missing, and we are not root, have no apt-get, or it failed.
    """
    packages = missing_packages()
    if not packages:
        return
    wanted = " ".join(packages)
    if os.name != "posix" or os.geteuid() != 0 or not shutil.which("apt-get"):
        raise SetupError(f"Building Ollama needs the headers of {wanted}: `sudo apt-get install -y {wanted}`.")
    install = ["apt-get", "install", "-y", *packages]
    try:
        run(install, f"install {wanted}")
    except SetupError:  # a fresh machine has no package lists yet
        run(["apt-get", "update"], "refresh the package lists")
        run(install, f"install {wanted}")


def miniaudio_folder(folder: Path) -> Path:
    """Copy miniaudio.h out of its Go module and return the include folder that holds `miniaudio/miniaudio.h`."""
    reply = run(["go", "mod", "download", "-json", MINIAUDIO_MODULE], "download miniaudio.h", env={"GOFLAGS": ""})
    include = folder / "include"
    (include / "miniaudio").mkdir(parents=True, exist_ok=True)
    shutil.copyfile(Path(json.loads(reply)["Dir"]) / "miniaudio.h", include / "miniaudio" / "miniaudio.h")
    return include


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the wanted paths and return the exit status."""
    parser = argparse.ArgumentParser(description="Print the path of a real Ollama, or of the real small models.")
    parser.add_argument("what", choices=["binary", "models"])
    wanted = parser.parse_args(arguments).what
    try:
        paths = [ollama_binary()] if wanted == "binary" else [smollm2_gguf(), minilm_folder()]
    except SetupError as error:
        say(f"error: {error}")
        return 1
    sys.stdout.writelines(f"{path}\n" for path in paths)
    return 0


if __name__ == "__main__":
    sys.exit(main())
