"""The documentation as a site: every page has its place, it builds strictly, and asks nobody for anything."""

import os
import re
import runpy
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from tests.docs.fences import ROOT

DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; building it must succeed strictly. (With `--quiet` mkdocs would count no warnings.)"""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert [line for line in said.splitlines() if not line.startswith("INFO ")] == []
    return folder


def test_every_page_has_one_place_in_the_navigation() -> None:
    config = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    named = list(leaves(config["nav"]))
    assert sorted(named) == sorted(str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md"))


def leaves(item: Any) -> Any:
    """The pages that a navigation names, in order."""
    if isinstance(item, str):
        yield item
    for part in item.values() if isinstance(item, dict) else item if isinstance(item, list) else []:
        yield from leaves(part)


def test_the_site_has_every_page(site: Path) -> None:
    for page in DOCS.rglob("*.md"):
        assert (site / page.relative_to(DOCS)).with_suffix(".html").is_file(), page


class Loaded(HTMLParser):
    """Collects what a browser would fetch by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in {"script", "img", "iframe", "source", "video", "audio"}:
            self.addresses.append(given.get("src", ""))
        elif tag == "link" and given.get("rel") not in {"canonical", "prev", "next", "alternate", "edit"}:
            self.addresses.append(given.get("href", ""))


def test_the_site_loads_nothing_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        loaded = Loaded()
        loaded.feed(page.read_text(encoding="utf-8"))
        assert any(loaded.addresses), page
        assert [address for address in loaded.addresses if "//" in address] == [], page
        assert "unpkg" not in page.read_text(encoding="utf-8"), page
    for sheet in site.rglob("*.css"):
        assert re.findall(r"(?:@import|url\()\s*[\"']?(?:https?:)?//", sheet.read_text(encoding="utf-8")) == [], sheet


def test_the_hook_writes_out_only_links_that_leave_the_docs() -> None:
    hook = runpy.run_path(str(ROOT / "scripts" / "site_links.py"))["on_page_markdown"]
    config, page = {"docs_dir": str(DOCS)}, SimpleNamespace(file=SimpleNamespace(src_uri="learning.md"))

    def seen(text: str) -> str:
        return str(hook(text, page=page, config=config, files=None))

    assert seen("See [the rest](../README.md#install).") == "See the rest (`README.md` in the repository)."
    for kept in (
        "[rules](rules.md)",
        "[rules](./rules.md#rules)",
        "[gone](../no-such-file.md)",
        "[web](https://a.b/c)",
    ):
        assert seen(kept) == kept
    assert seen("```mermaid\ngraph TD;\n```").startswith("*The picture's source")
