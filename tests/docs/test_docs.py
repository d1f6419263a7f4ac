"""The documentation is true: its Python runs, its commands exist, its links lead somewhere."""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from orchestrator_graph.cli.app import app

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
RUN = [page for page in PAGES if page.parent in {ROOT, ROOT / "docs"}]
FENCE = re.compile(r"(?P<skip><!-- skip: .+? -->\n+)?^```(?P<kind>\w*)\n(?P<code>.*?)^```", re.MULTILINE | re.DOTALL)


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def python_of(page: Path) -> str:
    """All Python fences of a page as one program whose line numbers are the page's."""
    text = page.read_text(encoding="utf-8")
    lines: list[str] = []
    for fence in FENCE.finditer(text):
        if fence["kind"] != "python" or fence["skip"]:
            continue
        start = text.count("\n", 0, fence.start("code"))
        lines += [""] * (start - len(lines)) + fence["code"].splitlines()
    return "\n".join(lines)


@pytest.mark.parametrize("page", [page for page in RUN if python_of(page)], ids=name_of)
def test_the_python_of_a_page_runs(page: Path, tmp_path: Path) -> None:
    program = tmp_path / f"{page.stem}.py"
    program.write_text(python_of(page), encoding="utf-8")
    settings = {**os.environ, "ORCHESTRATOR_DEMO": "1", "HOME": str(tmp_path), "OLLAMA_HOST": "127.0.0.1:1"}
    done = subprocess.run(
        [sys.executable, program.name], cwd=tmp_path, env=settings, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_commands_of_a_page_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for fence in FENCE.finditer(page.read_text(encoding="utf-8")):
        if fence["kind"] not in {"sh", "bash", "console"} or fence["skip"]:
            continue
        for line in fence["code"].splitlines():
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


def test_the_page_about_the_command_line_is_what_the_command_line_says() -> None:
    script = runpy.run_path(str(ROOT / "scripts" / "cli_docs.py"))
    assert (ROOT / "docs" / "cli.md").read_text(encoding="utf-8") == script["page"](), "run `make docs`"
