"""`OrchestratorMiddleware` by itself: its decision, what it is made for, where it is told, and bad input."""

import subprocess
import sys
from typing import Any

import pytest
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.messages import AIMessage, HumanMessage
from pydantic import BaseModel, ValidationError

from orchestrator_graph import Orchestrator, OrchestratorMiddleware, Policy
from orchestrator_graph.errors import InputError, NoCandidateError
from orchestrator_graph.surfaces.failed import AnswerError
from tests.surfaces.agents.agent import SUM, THREAD, agent_of, kept_of
from tests.surfaces.agents.fixtures import lent_server, lent_world  # noqa: F401
from tests.surfaces.agents.stacks import World, ask


class Total(BaseModel):
    """A total."""

    total: int


def test_one_decision_holds_for_a_run_and_is_told_in_state_message_and_ledger(world: World, mode: str) -> None:
    with Orchestrator([world.spec("good", 0.9), world.spec("cheap", 0.5, 0.1)], policy=Policy(tradeoff="best")) as orc:
        agent = agent_of(world, orc)
        out = ask(agent, mode, SUM, THREAD)
        kept, answers = kept_of(agent), [m for m in out["messages"] if isinstance(m, AIMessage)]
        assert out["messages"][-1].text == "It is 5, tell bob@example.com"
        assert "orchestrator" not in agent.get_output_jsonschema()["properties"]
        assert "orchestrator" not in agent.get_input_jsonschema()["properties"]
        assert [m.response_metadata["model_name"] for m in answers] == ["good", "good"]
        assert {m.response_metadata["orchestrator"]["decision_id"] for m in answers} == {kept["decision_id"]}
        assert (kept["candidate"], kept["steps"], kept["others"]) == ("openai:good", 2, {})
        assert kept["spent_nusd"] == answers[-1].response_metadata["orchestrator"]["spent_nusd"] > 0
        stats = orc.memory.stats()
        assert (stats["tasks"], stats["decisions"], stats["calls"], stats["outcomes"]) == (1, 1, 2, 1)
        assert orc.feedback(kept["run_id"], 1.0) == {"1": "openai:good"}
    assert world.server.counts() == {"good": 2}


def test_the_next_message_of_a_thread_is_decided_anew(world: World, mode: str) -> None:
    with Orchestrator([world.spec("good")]) as orc:
        agent = agent_of(world, orc)
        ask(agent, mode, SUM, THREAD)
        first = kept_of(agent)
        ask(agent, mode, {"messages": [("user", "hello there")]}, THREAD)
        second = kept_of(agent)
        assert first["decision_id"] != second["decision_id"]
        assert (first["steps"], second["steps"]) == (2, 1)
        assert orc.memory.stats()["decisions"] == 2


def test_needs_are_those_of_the_call_that_is_really_made(world: World, mode: str) -> None:
    plain = world.spec("plain", 0.99, 0.1, capabilities=frozenset({"chat"}))
    with Orchestrator([plain, world.spec("able", 0.5)]) as orc:
        ask(agent_of(world, orc), mode, SUM, THREAD)
        ask(agent_of(world, orc, tools=()), mode, {"messages": [("user", "hello")]}, THREAD)
        out = ask(agent_of(world, orc, tools=(), response_format=ToolStrategy(Total)), mode, SUM, THREAD)
    assert out["structured_response"] == Total(total=5)
    assert world.server.counts() == {"able": 3, "plain": 1}


@pytest.mark.parametrize(
    "form", [Total, ToolStrategy(Total), ProviderStrategy(Total)], ids=["auto", "tool", "provider"]
)
def test_structured_output_in_each_of_langchains_ways(form: Any, world: World, mode: str) -> None:
    with Orchestrator([world.spec("good")]) as orc:
        out = ask(agent_of(world, orc, response_format=form), mode, SUM, THREAD)
    assert out["structured_response"] == Total(total=5)


def test_a_pool_that_knows_schemas_but_no_tools_is_asked_by_schema(world: World, mode: str) -> None:
    with Orchestrator([world.spec("schema", capabilities=frozenset({"chat", "json"}))]) as orc:
        out = ask(agent_of(world, orc, tools=(), response_format=Total), mode, SUM, THREAD)
    assert out["structured_response"] == Total(total=5)
    assert [("tools" in body, body["response_format"]["type"]) for body in world.server.bodies()] == [
        (False, "json_schema")
    ]


def test_structured_output_that_fails_is_tried_again_within_the_run(world: World, mode: str) -> None:
    class Unhappy(BaseModel):
        """A total, at second try."""

        total: int

    with Orchestrator([world.spec("good")]) as orc:
        agent = agent_of(world, orc, tools=(), response_format=ToolStrategy(Unhappy))
        out = ask(agent, mode, {"messages": [("user", "count")]}, THREAD)
        assert (out["structured_response"].total, kept_of(agent)["steps"]) == (5, 2)
        assert orc.memory.stats()["decisions"] == 1


def test_the_budget_of_a_run_counts_all_its_steps(world: World, mode: str) -> None:
    with Orchestrator([world.spec("good", price=100.0)]) as orc:
        agent = agent_of(world, orc, policy=Policy(max_cost_usd=0.05))
        with pytest.raises(AnswerError, match=r"0\.047500 dollars are left"):  # the first step took 0.0025
            ask(agent, mode, SUM, THREAD)
        assert kept_of(agent)["spent_nusd"] == 2_500_000
    assert world.server.counts() == {"good": 1}


def test_the_policy_may_come_with_the_run(world: World, mode: str) -> None:
    with Orchestrator([world.spec("one", 0.9), world.spec("two", 0.5)]) as orc:
        agent = agent_of(world, orc, context_schema=dict)
        ask(agent, mode, SUM, THREAD, context={"orchestrator": {"pin": "openai:two"}})
        ask(agent_of(world, orc), mode, SUM, THREAD, context=Policy(pin="openai:two"))
    assert world.server.counts() == {"two": 4}


def test_bad_input_is_refused_with_its_name_and_a_way_out(world: World) -> None:
    with pytest.raises(InputError, match="decide = 'turn': give 'run'"):
        OrchestratorMiddleware("pocket", decide="turn")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="tradeof"):
        OrchestratorMiddleware("pocket", policy={"tradeof": 1})
    with pytest.raises(ValidationError):
        OrchestratorMiddleware("pocket", policy=Policy(tradeoff=7))  # type: ignore[arg-type]
    plain = world.spec("plain", capabilities=frozenset({"chat"}))
    with Orchestrator([plain]) as orc, pytest.raises(NoCandidateError, match="lacks tools"):
        agent_of(world, orc).invoke(SUM, THREAD)
    with Orchestrator([world.spec("good")]) as orc, pytest.raises(InputError, match="empty"):
        agent_of(world, orc).invoke({"messages": [HumanMessage("")]}, THREAD)
    assert world.server.counts() == {}


def test_without_langchain_the_error_names_the_extra() -> None:
    code = (
        "import sys; sys.modules['langchain'] = None\n"
        "try:\n    from orchestrator_graph import OrchestratorMiddleware\n"
        "except ImportError as error:\n    print(error)\n"
        "from orchestrator_graph import ChatOrchestrator"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 'pip install "orchestrator-graph[agents]"' in done.stdout
