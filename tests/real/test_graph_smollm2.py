"""A small instruct model in every part there is: it answers, plans and judges. Its mistakes are no errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from real_graph import evidence, run

from orchestrator_graph import Orchestrator, Policy

if TYPE_CHECKING:
    from real_server import OllamaServer

MODES = pytest.mark.parametrize("mode", ["sync", "async"])
CAPITAL = "What is the capital of France?"
TASKS = ("Write a haiku about rain and explain it.", "Compare tea and coffee for a student.")


@pytest.fixture
def twin(at_ollama: OllamaServer) -> str:
    """SmolLM2 under a second name: somebody else, who may judge."""
    with at_ollama.client() as client:
        client.create(model="smollm2-twin", from_="smollm2")
    return "ollama:smollm2-twin"


@MODES
@pytest.mark.usefixtures("at_ollama")
def test_a_question_in_prose_is_answered(mode: str) -> None:
    with Orchestrator(["ollama:smollm2"]) as orchestrator:
        out = run(orchestrator, mode, CAPITAL)
    (result,) = out["results"].values()
    assert "Paris" in out["messages"][-1].content
    assert "log-probability" in evidence(result)
    assert not result["calibrated"]
    assert out["bill"]["lines"][0]["output_tokens"] > 3


@MODES
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.usefixtures("at_ollama")
def test_its_plan_is_a_plan_or_a_note(mode: str, task: str) -> None:
    with Orchestrator(["ollama:smollm2"]) as orchestrator:
        out = run(orchestrator, mode, task, Policy(decompose="always", deadline_s=30))
    planner = [line for line in out["bill"]["lines"] if line["purpose"] == "plan"]
    notes = " ".join(out["bill"]["notes"])
    assert planner[0]["failed"] == 0 or "the task was left whole" in notes
    assert "planned by ollama:smollm2" in notes or "the task was left whole" in notes
    ids = [step["id"] for step in out["plan"]]
    assert len(ids) > 1 or "usable plan" in notes or "left whole" in notes or "planned by" in notes
    assert all(set(step["needs"]) <= set(ids) for step in out["plan"])
    assert set(out["results"]) == set(ids)


@MODES
@pytest.mark.usefixtures("at_ollama")
def test_another_model_judges_where_mistakes_are_dear(twin: str, mode: str) -> None:
    with Orchestrator(["ollama:smollm2", twin]) as orchestrator:
        out = run(orchestrator, mode, CAPITAL, Policy(fault_tolerance="low", strategy="route"))
    (result,) = out["results"].values()
    judges = [line["model"] for line in out["bill"]["lines"] if line["purpose"] == "judge"]
    assert len(judges) == 1
    assert judges[0] != result["candidate"]
    assert {"judge", "judge failed"} & evidence(result)
    assert not result["calibrated"]
