"""A real small model asked which model will be right: its first token's probabilities reach the decision."""

from __future__ import annotations

from typing import Any

import pytest
from real_graph import pocket_on_ollama

from orchestrator_graph.routing.decider import Decider
from tests.unit.deciding import ask

MODES = pytest.mark.parametrize("mode", ["sync", "async"])


@MODES
@pytest.mark.parametrize(("asking", "style"), [("yes_no", "figures"), ("choice", "descriptions"), ("score", "figures")])
@pytest.mark.usefixtures("at_ollama")
def test_smollm2_decides(asking: Any, style: Any, mode: str) -> None:
    decider = Decider("ollama:smollm2", ask=asking, style=style)
    pool = [spec for spec in pocket_on_ollama() if spec.name in ("pocket-maths", "pocket-medium")]
    out = ask(decider, *pool, "ollama:smollm2", mode=mode)
    calls = list(out["calls"].values())
    assert {call["purpose"] for call in calls} == {"decide"}
    assert [call["failure"] for call in calls] == [None] * len(calls)
    answers = [p for p, _ in out["now"].answers.values()]
    assert all(0 <= p <= 1 for p in answers)
    assert len(answers) == 3
    assert len(calls) == (3 if asking == "yes_no" else 1)
    if asking == "yes_no":
        assert any(abs(p - 1 / 3) > 0.01 and abs(p - 2 / 3) > 0.01 for p in answers), "no log-probabilities were read"
