"""Money that was spent before a restart counts: a resumed run keeps its cap, in another process too."""

from typing import Any

import pytest
from langchain_core.messages import BaseMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import interrupt

from orchestrator_graph import Policy
from tests.graph.support import model, orchestrated, resume, run
from tests.graph.tooled import Desk, caller

TASK = "1. Name a tree\n2. Name a river\n3. Name an animal\n4. Write a motto for the result of 3"
THREAD: dict[str, Any] = {"configurable": {"thread_id": "t"}}
LONG = "word " * 200
# At 10 dollars a million tokens a long answer takes 0.0026 dollars, and the motto is expected to take 0.0063.
CAP = 0.01


def before(asked: str) -> str:
    return str(interrupt("the process goes away here")) if "animal" in asked else LONG


def test_a_resumed_run_keeps_its_cap(mode: str) -> None:
    saver, policy = InMemorySaver(), Policy(max_cost_usd=CAP)
    with orchestrated(model("only", before, price=10.0), checkpointer=saver) as orc:
        run(orc, mode, TASK, policy, **THREAD)
    with orchestrated(model("only", "12", price=10.0), checkpointer=saver) as orc:
        out = resume(orc, mode, **THREAD)
    states = {key: result["status"] for key, result in out["results"].items()}
    assert states == {"1": "accepted", "2": "accepted", "3": "accepted", "4": "failed"}
    assert out["results"]["4"]["missing"].startswith("budget: ")
    assert 0 < out["bill"]["total_usd"] <= CAP


def test_the_call_for_a_form_keeps_it_as_well(mode: str) -> None:
    crashes, asked = [KeyboardInterrupt], list[str]()

    def replies(messages: list[BaseMessage], _: list[Any]) -> str:
        if "Between the marks" in str(messages[0].content):
            asked.append("form")
            if crashes:
                raise crashes.pop()
        return LONG * 2

    cap, saver = 0.124, InMemorySaver()
    options: dict[str, Any] = {"tools": [Desk().add], "checkpointer": saver}
    options["response_format"] = {"properties": {"n": {"type": "integer"}}, "required": ["n"]}
    with orchestrated(caller("only", replies, price=20.0), **options) as orc, pytest.raises(KeyboardInterrupt):
        run(orc, mode, "Who wrote Faust?", Policy(max_cost_usd=cap), **THREAD)
    with orchestrated(caller("only", replies, price=20.0), **options) as orc:
        out = resume(orc, mode, **THREAD)
    assert asked == ["form", "form"]  # no repair: beside what came before the crash it might pass the cap
    assert 0 < out["bill"]["total_usd"] <= cap
    assert "structured_response is None: test:only failed: budget" in out["bill"]["notes"]
