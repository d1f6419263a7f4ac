"""What the tests of the dev server say to it, and what a whole answer looks like."""

from typing import Any

TASK = "Reverse lantern, then count the letter n in the result; meanwhile add 47 and 38"
ASKING: dict[str, Any] = {"human": "ask", "min_confidence": 0.999, "strategy": "route"}
"""A policy under which no pocket model is sure enough, so that a person is asked."""
UNSURE = "What is the capital of Peru?"
OUTPUT = {"messages", "plan", "results", "bill"}


def chat(text: str, **more: Any) -> dict[str, Any]:
    """An input as Studio's chat sends it."""
    return {"messages": [{"type": "human", "content": [{"type": "text", "text": text}], **more}]}


def given(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


def last(out: Any) -> Any:
    return out["messages"][-1]["content"]


def candidates(out: Any) -> set[str]:
    return {result["candidate"] for result in out["results"].values()}


def assert_whole(out: Any) -> None:
    """The answer to TASK with plan, results and bill."""
    assert set(out) == OUTPUT
    assert [step["needs"] for step in out["plan"]] == [[], ["1"], []]
    assert set(out["results"]) == {"1", "2", "3"}
    assert out["results"]["1"]["answer"] == "nretnal"
    assert out["results"]["3"]["answer"] == "85"
    assert all(result["why"] for result in out["results"].values())
    assert all(name.startswith("pocket:") for name in candidates(out))
    assert out["bill"]["calls"] >= 3
    assert "nretnal" in last(out)
