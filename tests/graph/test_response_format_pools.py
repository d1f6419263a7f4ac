"""Who answers in a form: those who can be told to, and what becomes of it where none of them may."""

import json
from typing import Any

import pytest
from pydantic import BaseModel

from orchestrator_graph import ModelSpec, Policy
from tests.graph.support import model, orchestrated, run
from tests.graph.tooled import caller


class Sum(BaseModel):
    """A sum."""

    total: float


def small(script: str = "85") -> ModelSpec:
    """A narrow model at home, known as the best and the cheapest."""
    return model("small", script, 0.95, 0.01, capabilities=frozenset({"chat", "narrow"}), local=True)


def large(text: str = '{"total": 85}') -> ModelSpec:
    return caller("large", lambda _, __: text, 0.8)


FENCED_OFF = [Policy(private=True), Policy(pin="test:small"), Policy(deny=["test:large"]), Policy(max_cost_usd=1e-9)]


@pytest.mark.parametrize("policy", FENCED_OFF, ids=["private", "pin", "deny", "money"])
def test_where_only_narrow_models_may_take_it_they_answer_in_words(mode: str, policy: Policy) -> None:
    free = small() if policy.max_cost_usd is None else model("small", "85", capabilities=small().capabilities, price=0)
    with orchestrated(free, large(), response_format=Sum) as orc:
        out = run(orc, mode, "Add 47 and 38", policy)
        assert orc.decide("Add 47 and 38", policy).ranking[0].candidate.id == "test:small"
    assert (out["results"]["1"]["status"], out["messages"][-1].content) == ("accepted", "85")
    assert any(note.startswith("structured_response is None") for note in out["bill"]["notes"])


def test_advice_names_who_would_answer(mode: str) -> None:
    with orchestrated(small(), large(), response_format=Sum) as orc:
        told = orc.decide("Add 47 and 38").ranking[0].candidate.id
        out = run(orc, mode, "Add 47 and 38")
    assert told == out["results"]["1"]["candidate"] == "test:large"


@pytest.mark.parametrize("form", [Sum, {"properties": {"total": {"type": "number"}}}], ids=["class", "schema"])
def test_what_no_server_could_send_is_no_answer(mode: str, form: Any) -> None:
    with orchestrated(large('{"total": NaN}'), response_format=form) as orc:
        out = run(orc, mode, "Add 47 and 38")
    assert out["structured_response"] is None
    json.dumps({name: out[name] for name in ("plan", "results", "bill")}, allow_nan=False)
