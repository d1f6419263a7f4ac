"""A person is asked with a schema, asked again where the reply is none, and heard: answer, score or rejection."""

import asyncio
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from orchestrator_graph import Policy
from orchestrator_graph.nodes.reply import SCHEMA
from tests.graph.support import model, orchestrated
from tests.graph.test_own_checks import outcomes_of

POLICY = Policy(human="ask")
THREAD: Any = {"configurable": {"thread_id": "t"}}


def talked(mode: str, *replies: Any) -> tuple[list[dict[str, Any]], dict[str, Any], int]:
    """The questions asked, what came out, and how many calls were made."""
    only = model("only", "dunno")
    given: Any = {"messages": [("user", "Multiply 6 by 7")]}
    with orchestrated(only, checkpointer=InMemorySaver()) as orc:
        asked = []
        for reply in [None, *replies]:
            step = given if reply is None and not asked else Command(resume=reply)
            if mode == "sync":
                out = orc.graph.invoke(step, THREAD, context=POLICY)
            else:
                out = asyncio.run(orc.graph.ainvoke(step, THREAD, context=POLICY))
            asked += [question.value for question in out.get("__interrupt__", ())]
    return asked, dict(out), len(only.model.seen)


def test_the_question_has_a_schema_and_says_what_would_settle_it(mode: str) -> None:
    (question,), out, calls = talked(mode, {"answer": "42"})
    assert question["response_schema"] == SCHEMA
    assert question["would_settle"].startswith("It would be settled by ")
    assert question["calibrated"] is False
    assert (out["results"]["1"]["answer"], out["results"]["1"]["status"]) == ("42", "accepted")
    assert calls == out["bill"]["calls"]


@pytest.mark.parametrize("wrong", [["42"], {"score": 3}, {"anwser": "42"}])
def test_a_reply_that_is_none_is_asked_for_again_and_nothing_is_paid_twice(mode: str, wrong: Any) -> None:
    asked, out, calls = talked(mode, wrong, "42")
    assert len(asked) == 2
    assert "wanted" in asked[1]["problem"]
    assert out["results"]["1"]["answer"] == "42"
    assert calls == out["bill"]["calls"]


def test_after_three_such_replies_the_best_answer_is_given_unsure(mode: str) -> None:
    asked, out, _ = talked(mode, [1], [2], [3])
    assert len(asked) == 3
    assert (out["results"]["1"]["answer"], out["results"]["1"]["status"]) == ("dunno", "unsure")


@pytest.mark.parametrize(
    ("reply", "answer", "status", "confidence"),
    [
        ({"answer": ""}, "dunno", "accepted", 1.0),
        ({"score": 0.9}, "dunno", "accepted", 0.9),
        ({"score": 0.3}, "dunno", "unsure", 0.3),
        ({"answer": "42", "score": 0}, "42", "accepted", 1.0),
        ({"reject": True}, "", "failed", None),
        ({"reject": True, "answer": "42"}, "42", "accepted", 1.0),
    ],
)
def test_what_a_person_says_counts(reply: Any, answer: str, status: str, confidence: float | None) -> None:
    _, out, _ = talked("sync", reply)
    result = out["results"]["1"]
    assert (result["answer"], result["status"], result["confidence"]) == (answer, status, confidence)
    if status == "failed":
        assert result["missing"] == "a person rejected the proposed answer"


@pytest.mark.parametrize(
    ("reply", "proposed", "other"),
    [
        ({"score": 1}, ("feedback", 1.0), ("feedback", 0.0)),
        ({"answer": "42"}, ("feedback", 0.0), ("feedback", 0.0)),
        ({"score": 0.3}, ("feedback", 0.3), None),
        ({"reject": True}, ("feedback", 0.0), None),
    ],
)
def test_their_word_is_remembered_as_they_meant_it(reply: Any, proposed: Any, other: Any) -> None:
    """Of an answer beside one that they doubted or rejected they have said nothing."""
    asking = Policy(human="ask", min_confidence=0.99)
    with orchestrated(model("a", "41"), model("b", "40"), checkpointer=InMemorySaver()) as orc:
        out = orc.graph.invoke({"messages": [("user", "Multiply 6 by 7")]}, THREAD, context=asking)
        shown = out["__interrupt__"][0].value["proposed"]
        orc.graph.invoke(Command(resume=reply), THREAD, context=asking)
        found = {item["candidate"]: (item["source"], item["score"]) for item in outcomes_of(orc)}
    first, second = ("test:a", "test:b") if shown == "41" else ("test:b", "test:a")
    assert found[first] == proposed
    if other is not None:
        assert found[second] == other
    else:
        assert found[second][0] != "feedback"
