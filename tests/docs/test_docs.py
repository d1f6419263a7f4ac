"""The documentation is true: its Python runs and prints what it says, its commands exist, its links lead somewhere."""

import ast
import json
import os
import re
import runpy
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from orchestrator_graph.cli.app import app
from tests.docs.fences import END, PAGES, ROOT, fences, name_of, outputs_of, python_of
from tests.docs.page_runner import PageRunner

SHELL = {"sh", "bash", "console"}
KINDS = {"python", "toml", "json", "yaml", "mermaid", "text"} | SHELL
GENERATED = {"cli_docs.py": "cli.md", "policy_docs.py": "policy.md"}


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageRunner]:
    runner = PageRunner(tmp_path_factory.mktemp("home"))
    yield runner
    runner.close()


@pytest.mark.parametrize("page", [page for page in PAGES if python_of(page)], ids=name_of)
def test_the_python_of_a_page_runs_and_prints_what_it_says(page: Path, tmp_path: Path, runner: PageRunner) -> None:
    program = tmp_path / f"{page.stem}.py"
    program.write_text(python_of(page), encoding="utf-8")
    done = runner.run(program, tmp_path)
    assert done["error"] is None, done["error"]
    printed = done["printed"].split(END)
    assert [(number, tidy(said)) for number, said in outputs_of(page)] == [
        (number, tidy(printed[number])) for number, _ in outputs_of(page)
    ]


def tidy(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines())


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_block_of_a_page_is_checked_or_says_why_not(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    found = list(fences(page))
    assert {fence.kind for fence in found} <= KINDS, "a block of another kind, or of none, would not be checked"
    assert len(found) * 2 == len(re.findall(r"^\s*(?:```|~~~)", text, re.MULTILINE)), "indented or unclosed block"
    for fence in found:
        if fence.kind == "python":  # what is skipped must still be Python
            compile(fence.code, name_of(page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        if fence.kind in {"toml", "json"} and not fence.skipped:
            (tomllib.loads if fence.kind == "toml" else json.loads)(fence.code)
        assert fence.mark != "output" or fence.kind == "text"
        assert fence.mark != "run" or fence.kind == "sh"


@pytest.mark.slow
@pytest.mark.parametrize("page", [p for p in PAGES if any(f.mark == "run" for f in fences(p))], ids=name_of)
def test_the_commands_of_a_page_run_as_printed(page: Path, tmp_path: Path, runner: PageRunner) -> None:
    program = tmp_path / "page.py"
    program.write_text(python_of(page), encoding="utf-8")
    assert runner.run(program, tmp_path)["error"] is None  # commands may need the files that the page's Python writes
    lines = [f.code for f in fences(page) if f.mark == "run"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    settings = {**os.environ, "PATH": path, "HOME": str(tmp_path), "OLLAMA_HOST": "127.0.0.1:1", "COLUMNS": "110"}
    done = subprocess.run(
        ["bash", "-eu", "-c", "".join(lines)], cwd=tmp_path, env=settings, capture_output=True, text=True, timeout=110
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_commands_of_a_page_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for fence in fences(page):
        if fence.kind not in SHELL or fence.skipped:
            continue
        for line in fence.code.splitlines():
            words = line.removeprefix("$ ").split()
            if words[:1] == ["make"]:
                assert set(words[1:2]) <= targets, line
            elif words[:1] == ["orchestrator"] and not words[1].startswith("-"):
                command: Any = get_command(app)
                for word in words[1:]:  # down to the innermost sub-command
                    if not hasattr(command, "commands") or (
                        word not in command.commands and command.invoke_without_command
                    ):
                        break
                    assert word in command.commands, line
                    command = command.commands[word]
                options = {word for word in words if word.startswith("--")}
                assert options <= {o for p in command.params for o in p.opts} | {"--help"}, line


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    local = [target for target in targets if "://" not in target and not target.startswith("mailto:")]
    assert [target for target in local if not (page.parent / target).exists()] == []


@pytest.mark.parametrize(("script", "page"), GENERATED.items())
def test_a_generated_page_is_what_its_source_says(script: str, page: str) -> None:
    made = runpy.run_path(str(ROOT / "scripts" / script))["page"]()
    assert (ROOT / "docs" / page).read_text(encoding="utf-8") == made, "run `make docs`"


@pytest.mark.parametrize(("script", "page"), GENERATED.items())
def test_the_drift_of_a_generated_page_is_found(script: str, page: str, tmp_path: Path) -> None:
    copy, target = tmp_path / "scripts" / script, tmp_path / "docs" / page  # a script writes beside its own folder
    copy.parent.mkdir()
    target.parent.mkdir()
    for name in (script, "generated.py"):
        (copy.parent / name).write_bytes((ROOT / "scripts" / name).read_bytes())

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run([sys.executable, str(copy), *arguments], capture_output=True, text=True, cwd=ROOT)

    assert [run("--check").returncode, run().returncode, run("--check").returncode] == [1, 0, 0]
    target.write_text(target.read_text(encoding="utf-8") + "added by hand\n", encoding="utf-8")
    found = run("--check")
    assert (found.returncode, "run `make docs`" in found.stderr) == (1, True)
