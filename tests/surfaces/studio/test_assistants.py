"""Assistants with a policy of their own, and what a mistake in it looks like."""

from typing import Any

import pytest
from langgraph_sdk.client import SyncLangGraphClient

from tests.surfaces.studio.support import candidates, given, last

pytestmark = [pytest.mark.studio, pytest.mark.timeout(180)]

SUM = given("Add 47 and 38")


def test_an_assistants_policy_changes_the_decision(client: SyncLangGraphClient, record_property: Any) -> None:
    usual: Any = client.runs.wait(None, "orchestrator", input=SUM)
    assert candidates(usual) == {"pocket:maths"}
    small = client.assistants.create("orchestrator", context={"pin": "pocket:small"}, name="small only")
    try:
        out: Any = client.runs.wait(None, small["assistant_id"], input=SUM)
        assert candidates(out) == {"pocket:small"}
        # What a run says goes over what its assistant says.
        out = client.runs.wait(None, small["assistant_id"], input=SUM, context={"pin": "pocket:medium"})
        assert candidates(out) == {"pocket:medium"}
    finally:
        client.assistants.delete(small["assistant_id"])
    record_property("decided", "pocket:maths, pocket:small, pocket:medium")


@pytest.mark.parametrize(
    ("context", "words"),
    [
        ({"privat": True}, "policy.privat: unknown field. Known fields: "),
        ({"max_cost_usd": -1}, "policy.max_cost_usd = -1: Input should be greater than or equal to 0"),
        ({"tradeoff": "cheapest"}, "'cheapest' is none of cheap, balanced, best"),
        ({"pin": "pocket:none"}, "policy.pin = 'pocket:none' is not in the portfolio"),
        ({"deny": ["pocket:*"]}, "policy leaves no candidate"),
    ],
    ids=["unknown field", "out of bounds", "unknown word", "unknown model", "none left"],
)
def test_a_wrong_policy_is_named(client: SyncLangGraphClient, context: dict[str, Any], words: str) -> None:
    out: Any = client.runs.wait(None, "orchestrator", input=SUM, context=context, raise_error=False)
    assert words in out["__error__"]["message"]
    stream: Any = client.runs.stream(None, "orchestrator", input=SUM, context=context, stream_mode="updates")
    assert [words in chunk.data["message"] for chunk in stream if chunk.event == "error"] == [True]


def test_an_assistants_wrong_policy_is_named_at_its_first_run(client: SyncLangGraphClient) -> None:
    wrong = client.assistants.create("orchestrator", context={"tradeof": 1}, name="wrong")
    try:
        out: Any = client.runs.wait(None, wrong["assistant_id"], input=SUM, raise_error=False)
        assert "policy.tradeof: unknown field" in out["__error__"]["message"]
    finally:
        client.assistants.delete(wrong["assistant_id"])


def test_a_policy_as_configurable_counts_too(client: SyncLangGraphClient) -> None:
    """Older clients, and Studio's newer streaming, send the context so."""
    out: Any = client.runs.wait(None, "orchestrator", input=SUM, config={"configurable": {"pin": "pocket:small"}})
    assert candidates(out) == {"pocket:small"}


@pytest.mark.parametrize(
    "wrong",
    [{}, {"messages": []}, given("  "), {"message": "Add 1 and 2"}],
    ids=["nothing", "no messages", "blank", "misspelt key"],
)
def test_an_input_without_a_task_is_named(client: SyncLangGraphClient, wrong: dict[str, Any]) -> None:
    out: Any = client.runs.wait(None, "orchestrator", input=wrong, raise_error=False)
    assert out["__error__"]["error"] == "InputError"
    assert "the last human message is empty" in out["__error__"]["message"]


def test_a_bare_text_is_a_message(client: SyncLangGraphClient) -> None:
    """As MCP sends it: the server's tool schema says that `messages` is one text."""
    assert last(client.runs.wait(None, "orchestrator", input={"messages": "Add 47 and 38"})) == "85"
