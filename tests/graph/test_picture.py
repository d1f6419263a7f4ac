"""The picture in the documents is the graph's own, both levels of it."""

import runpy
from pathlib import Path

from orchestrator_graph import Orchestrator

ROOT = Path(__file__).resolve().parents[2]
INSIDE = ("router", "executor", "judge", "escalate", "person")


def picture() -> str:
    with Orchestrator("pocket") as orc:
        return orc.graph.get_graph(xray=True).draw_mermaid()


def test_both_levels_are_in_the_picture() -> None:
    outer, _, inner = picture().partition("subgraph solve")
    assert all(f"\t{name}({name})" in outer for name in ("analyzer", "dispatch", "synthesizer"))
    assert all(f"({name})" in inner for name in INSIDE)


def test_the_documents_hold_exactly_this_picture() -> None:
    page = (ROOT / "docs" / "graph.md").read_text(encoding="utf-8")
    assert picture().strip() in page
    script = runpy.run_path(str(ROOT / "scripts" / "graph_picture.py"))
    assert script["page"]() == page
    assert script["readme"]() == (ROOT / "README.md").read_text(encoding="utf-8")
