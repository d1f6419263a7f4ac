"""Private text stays on this machine also where another middleware has a model of its own to fall back to."""

from typing import Any

import pytest
from langchain.agents.middleware import ModelFallbackMiddleware
from langchain_core.tools import tool

from orchestrator_graph import ModelSpec, Orchestrator, Policy
from orchestrator_graph.errors import PrivacyError
from tests.surfaces.agents.agent import THREAD, agent_of
from tests.surfaces.agents.fixtures import lent_server, lent_world  # noqa: F401
from tests.surfaces.agents.stacks import World, ask

SECRET: Any = {"messages": [("user", "add 2 and 3 for ann@example.com")]}
PLACES = pytest.mark.parametrize("ours_first", [True, False], ids=["ours outside", "ours inside"])


def stack(ours_first: bool, fallback: Any) -> tuple[Any, Any]:
    other = ModelFallbackMiddleware(fallback)
    return (None, other) if ours_first else (other, None)


@PLACES
@pytest.mark.parametrize("pool", ["gone", "cloud"], ids=["the local model fails", "there is no local model"])
def test_a_fallback_that_may_be_elsewhere_never_sees_private_text(
    ours_first: bool, pool: str, world: World, mode: str
) -> None:
    with Orchestrator([world.spec(pool, local=pool == "gone")], policy=Policy(private=True)) as orc:
        agent = agent_of(world, orc, *stack(ours_first, world.chat("fallback")))
        with pytest.raises(PrivacyError, match="ModelSpec\\(model, local=True\\)"):
            ask(agent, mode, SECRET, THREAD)
    assert world.server.counts() == ({"gone": 1} if pool == "gone" else {})


@PLACES
@pytest.mark.parametrize("pii", ["local_if_available", "refuse"])
def test_personal_data_is_private_text(ours_first: bool, pii: Any, world: World, mode: str) -> None:
    with Orchestrator([world.spec("gone", local=True), world.spec("cloud")], policy=Policy(pii=pii)) as orc:
        agent = agent_of(world, orc, *stack(ours_first, world.chat("fallback")))
        with pytest.raises(PrivacyError):
            ask(agent, mode, SECRET, THREAD)
    assert world.server.counts() == ({} if pii == "refuse" else {"gone": 1})


@PLACES
def test_a_fallback_of_the_pool_that_is_local_may_read_it(ours_first: bool, world: World, mode: str) -> None:
    here = world.chat("here")
    local = ModelSpec(here, local=True, capabilities=frozenset({"chat"}))  # not offered: the agent needs tools
    with Orchestrator([world.spec("gone", local=True), local], policy=Policy(private=True)) as orc:
        agent = agent_of(world, orc, *stack(ours_first, here))
        assert ask(agent, mode, SECRET, THREAD)["messages"][-1].text == "It is 5, tell bob@example.com"
    assert world.server.counts() == {"gone": 2, "here": 2}


@tool("add")
def telling(a: int, b: int) -> str:
    """Looks up who owns the sum."""
    return f"{a + b}: ann@example.com"


def test_what_a_tool_tells_may_make_the_run_private(world: World, mode: str) -> None:
    models = [world.spec("cloud", 0.9), world.spec("here", 0.3, local=True)]
    with Orchestrator(models, policy=Policy(tradeoff="best")) as orc:
        ask(agent_of(world, orc, tools=(telling,)), mode, {"messages": [("user", "add 2 and 3")]}, THREAD)
    assert world.server.counts() == {"cloud": 1, "here": 1}
    assert "ann@" not in str(world.server.bodies("cloud"))


def test_what_a_tool_tells_ends_the_run_where_personal_data_is_refused(world: World, mode: str) -> None:
    with Orchestrator([world.spec("cloud", 0.9)], policy=Policy(pii="refuse")) as orc:
        agent = agent_of(world, orc, tools=(telling,))
        with pytest.raises(PrivacyError, match="a tool returned personal data"):
            ask(agent, mode, {"messages": [("user", "add 2 and 3")]}, THREAD)
    assert world.server.counts() == {"cloud": 1}


def test_a_private_run_by_context(world: World, mode: str) -> None:
    with Orchestrator([world.spec("gone", local=True), world.spec("cloud")]) as orc:
        agent = agent_of(world, orc, *stack(False, world.chat("fallback")), context_schema=dict)
        with pytest.raises(PrivacyError):
            ask(agent, mode, {"messages": [("user", "hello")]}, THREAD, context={"private": True})
    assert world.server.counts() == {"gone": 1}
