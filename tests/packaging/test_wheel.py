"""The wheel: built by way of the source archive, complete, and able to work where nothing else is."""

import os
import shutil
import subprocess
import tomllib
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UV = shutil.which("uv") or shutil.which(ROOT / ".tools" / "uv" / "bin" / "uv")
TASK = "Reverse the word lantern, then add 47 and 38"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(UV is None, reason="needs uv, which `make test` installs"),
]


def uv(*arguments: str | Path, **environ: str) -> None:
    command = [str(UV), *map(str, arguments), "--quiet", "--offline"]
    settings = {**os.environ, "UV_PYTHON_DOWNLOADS": "never", **environ}
    settings.pop("VIRTUAL_ENV", None)
    done = subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    uv("build", "--out-dir", out)
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def clean(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the locked core dependencies and the wheel, without the checkout."""
    home = tmp_path_factory.mktemp("clean") / "env"
    uv("sync", "--locked", "--no-install-project", UV_PROJECT_ENVIRONMENT=str(home))
    uv("pip", "install", "--no-deps", "--python", home / "bin" / "python", wheel)
    return home / "bin"


def work(command: Sequence[str | Path], folder: Path) -> subprocess.CompletedProcess[str]:
    settings = {"PATH": os.environ["PATH"], "HOME": str(folder / "home"), "ORCHESTRATOR_DEMO": "1", "COLUMNS": "110"}
    return subprocess.run(
        [str(part) for part in command], cwd=folder, env=settings, capture_output=True, text=True, timeout=120
    )


def test_the_wheel_has_one_top_level_name_and_all_of_the_package(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"orchestrator_graph"}
    setup = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    wanted = set()
    for package in setup["packages"]:
        folder = ROOT / setup["package-dir"].get(package, package.replace(".", "/"))
        files = (file for file in folder.iterdir() if file.is_file() and file.suffix != ".pyc")
        wanted |= {f"{package.replace('.', '/')}/{file.name}" for file in files}
    assert wanted == {name for name in names if name.startswith("orchestrator_graph/")}
    assert {Path(name).suffix for name in wanted} >= {".gguf", ".toml", ".txt", ".py", ".typed"}


def test_the_demo_runs_in_a_clean_environment_from_an_empty_folder(clean: Path, tmp_path: Path) -> None:
    done = work([clean / "orchestrator", "demo"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "unproved" in done.stdout


def test_a_task_runs_there_and_leaves_nothing_behind(clean: Path, tmp_path: Path) -> None:
    done = work([clean / "orchestrator", "run", TASK, "--models", "pocket", "--memory", "none"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "85" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "example",
    [path for path in sorted((ROOT / "examples").glob("*.py")) if "Needs the extra" not in path.read_text("utf-8")],
    ids=lambda path: path.name,
)
def test_every_example_runs_there(clean: Path, tmp_path: Path, example: Path) -> None:
    shutil.copy(example, tmp_path)
    done = work([clean / "python", example.name], tmp_path)
    assert done.returncode == 0, done.stderr
