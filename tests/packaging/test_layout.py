"""The layout of the checkout: real folders at the top, links for the tools, one list of packages."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOP = ("nodes", "memory")
SETUP = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]


def folders_with_code() -> set[str]:
    found = {"orchestrator_graph"}
    for base, prefix in ((ROOT / "orchestrator_graph", "orchestrator_graph"), *((ROOT / top, top) for top in TOP)):
        for init in base.rglob("__init__.py"):
            dotted = ".".join((prefix, *init.parent.relative_to(base).parts))
            found.add(f"orchestrator_graph.{dotted}" if prefix in TOP else dotted)
    return found


def test_the_list_of_packages_is_what_the_folders_say() -> None:
    assert set(SETUP["packages"]) == folders_with_code()
    assert len(SETUP["packages"]) == len(set(SETUP["packages"]))


def test_every_folder_with_python_files_is_a_package() -> None:
    bases = [ROOT / "orchestrator_graph", *(ROOT / top for top in TOP)]
    folders = {file.parent for base in bases for file in base.rglob("*.py")}
    assert [str(folder) for folder in folders if not (folder / "__init__.py").exists()] == []


def test_every_data_file_is_covered_by_package_data() -> None:
    for package in SETUP["packages"]:
        folder = ROOT / package.removeprefix("orchestrator_graph.") if package.split(".")[-1] in TOP else None
        folder = folder or ROOT / package.replace(".", "/")
        covered = {file for pattern in SETUP["package-data"].get(package, ()) for file in folder.glob(pattern)}
        data = {file for file in folder.iterdir() if file.is_file() and file.suffix not in {".py", ".pyc"}}
        assert data - covered == set(), package


@pytest.mark.parametrize("name", TOP)
def test_the_links_point_to_the_real_folders(name: str) -> None:
    link = ROOT / "orchestrator_graph" / name
    if not link.is_symlink():
        pytest.skip("a checkout without links (Windows): packages come from package-dir alone")
    assert link.readlink() == Path("..") / name
    assert SETUP["package-dir"][f"orchestrator_graph.{name}"] == name


@pytest.mark.parametrize("name", TOP)
def test_importing_the_top_level_folder_says_what_to_import(name: str) -> None:
    code = f"import {name}"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "ImportError" in done.stderr.splitlines()[-1]
    assert f"orchestrator_graph.{name}" in done.stderr.splitlines()[-1]
