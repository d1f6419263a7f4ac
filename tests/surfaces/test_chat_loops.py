"""Inside a tool loop: the same model or a better one, one decision, one budget."""

import asyncio

import pytest
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import BaseModel

from orchestrator_graph import Orchestrator, OrchestratorError
from orchestrator_graph.surfaces.chat_model import ChatOrchestrator
from tests.surfaces.scripted import WAYS, jotted, said, scripted, used

TASK = "Look up the number 7"


@tool
def lookup(number: int) -> str:
    """Looks a number up."""
    return f"{number} is prime"


TOOL_SCHEMA = convert_to_openai_tool(lookup)


def walked(chat, way, statuses, messages=None):
    """A loop with as many tool calls as statuses; the answers in order."""
    messages, answers = messages or [HumanMessage(TASK)], []
    for status in statuses:
        answers.append(said(chat, way, messages))
        called = ToolMessage("7 is prime", tool_call_id="call_1", status=status)
        messages = [*messages, answers[-1], called]
    return [*answers, said(chat, way, messages)]


def record(message):
    return message.response_metadata["orchestrator"]


def calling(messages, tools):
    """Calls the tool as long as it fails, and then as long as it is asked to."""
    return used(messages[:1], tools)


@pytest.mark.parametrize("way", WAYS)
def test_a_loop_has_one_decision_one_model_and_one_bill(way):
    orc = Orchestrator([scripted("a", replies=used), scripted("b", 0.89, replies=used)])
    first, last = walked(ChatOrchestrator(orc).bind_tools([lookup]), way, ["success"])
    assert first.tool_calls[0]["args"] == {"number": 7}
    assert last.text == "The tool says: 7 is prime"
    assert record(first)["candidate"] == record(last)["candidate"]
    assert (record(first)["decision_id"], record(first)["run_id"]) == (
        record(last)["decision_id"],
        record(last)["run_id"],
    )
    assert (record(first)["steps"], record(last)["steps"]) == (1, 2)
    both = record(first)["bill"]["total_nusd"] + record(last)["bill"]["total_nusd"]
    assert record(last)["spent_nusd"] == both > record(first)["spent_nusd"] > 0
    assert orc.feedback(record(last)["decision_id"], 1.0) == {"1": record(last)["candidate"]}


@pytest.mark.parametrize("way", WAYS)
def test_a_cheaper_model_does_not_take_over_and_a_better_one_does_after_two_failed_tool_calls(way):
    weak, strong = scripted("weak", 0.7, 0.1, replies=calling), scripted("strong", 0.95, 40.0, replies=calling)
    chat = ChatOrchestrator([weak, strong], policy={"tradeoff": "cheap"}).bind_tools([lookup])
    answers = walked(chat, way, ["success", "error", "error", "success"])
    names = [record(answer)["candidate"].partition(":")[2] for answer in answers]
    assert names == ["weak", "weak", "weak", "strong", "strong"]  # once it has moved up it stays there
    assert len({record(answer)["decision_id"] for answer in answers}) == 1


@pytest.mark.parametrize("way", WAYS)
def test_the_money_of_a_task_is_that_of_the_whole_loop(way):
    # The worst case of a call, its longest answer included, is set aside before it is made.
    chat = ChatOrchestrator([scripted("a", replies=calling)], policy={"max_cost_usd": 0.001}, max_tokens=200)
    answers, messages = [], [HumanMessage(TASK)]
    with pytest.raises(OrchestratorError, match=r"more than is left|policy leaves no candidate") as raised:
        for _ in range(100):
            answers.append(said(chat.bind_tools([lookup]), way, messages))
            messages = [*messages, answers[-1], ToolMessage("7 is prime", tool_call_id="call_1")]
    assert len(answers) >= 2, raised.value
    assert record(answers[-1])["spent_nusd"] <= 1_000_000


def test_a_new_task_after_a_loop_is_a_new_decision():
    chat = ChatOrchestrator([scripted("a", replies=used)]).bind_tools([lookup])
    first, last = walked(chat, "invoke", ["success"])
    history = [HumanMessage(TASK), first, ToolMessage("7 is prime", tool_call_id="call_1"), last]
    after = chat.invoke([*history, HumanMessage("And now the number 8")])
    assert record(after)["decision_id"] != record(first)["decision_id"]
    assert (record(after)["steps"], record(after)["spent_nusd"]) == (1, record(after)["bill"]["total_nusd"])


def test_what_only_its_writer_understands_is_left_out_for_another_provider():
    class Other(type(scripted().model)):
        pass

    seen = []

    def reads(messages, tools):
        seen.append(messages)
        return "read"

    blocks = [
        {"type": "thinking", "thinking": "hm", "signature": "s3cret"},
        {"type": "text", "text": "I look it up"},
        {"type": "tool_use", "id": "call_1", "name": "lookup", "input": {"number": 7}},
    ]
    calls = [{"name": "lookup", "args": {"number": 7}, "id": "call_1", "type": "tool_call"}]
    told = {"orchestrator": {"provider": "anthropic", "candidate": "anthropic:x", "run_id": "r", "decision_id": "d"}}
    told["orchestrator"] |= {"spent_nusd": 5, "steps": 1}
    written = AIMessage(blocks, tool_calls=calls, additional_kwargs={"reasoning": 1}, response_metadata=told)
    messages = [HumanMessage(TASK), written, ToolMessage("7 is prime", tool_call_id="call_1")]
    ChatOrchestrator([scripted("a", replies=reads)]).bind_tools([lookup]).invoke(messages)
    reread = seen[0][1]
    assert (reread.content, reread.tool_calls, reread.additional_kwargs) == ("I look it up", calls, {})
    told["orchestrator"]["provider"] = "scriptedchat"
    ChatOrchestrator([scripted("a", replies=reads)]).bind_tools([lookup]).invoke(messages)
    assert seen[1][1].content == blocks


def test_nobody_is_called_for_tools_that_nobody_has():
    plain = scripted("plain", capabilities=frozenset({"chat"}))
    with pytest.raises(ValueError, match=r"lacks tools"):
        ChatOrchestrator([plain]).bind_tools([lookup]).invoke(TASK)
    assert jotted(plain) == []


class Found(BaseModel):
    """What was found."""

    number: int


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("form", [None, Found, ToolStrategy(Found), ProviderStrategy(Found)])
def test_an_agent_of_langchains_runs_on_it(form, mode):
    def replies(messages, tools):
        names = [item["function"]["name"] for item in tools]
        if messages[-1].type == "tool" and "Found" in names:
            calls = [{"name": "Found", "args": {"number": 7}, "id": "call_2", "type": "tool_call"}]
            return AIMessage("", tool_calls=calls)
        return used(messages, tools)

    def shapes(messages, schema):
        return '{"number": 7}' if messages[-1].type == "tool" else used(messages, [TOOL_SCHEMA])

    spec = scripted("a", replies=replies, shapes=shapes)
    agent = create_agent(ChatOrchestrator([spec]), tools=[lookup], response_format=form)
    given = {"messages": [("user", TASK)]}
    out = agent.invoke(given) if mode == "sync" else asyncio.run(agent.ainvoke(given))
    answers = [message for message in out["messages"] if isinstance(message, AIMessage)]
    assert [record(message)["steps"] for message in answers] == [1, 2]
    assert len({record(message)["decision_id"] for message in answers}) == 1
    assert "7 is prime" in str(out["messages"])
    assert out.get("structured_response") == (None if form is None else Found(number=7))
