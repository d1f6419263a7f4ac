"""What is done before it is needed: words embedded while a model plans, later waves looked up, models loaded."""

import asyncio
import threading
import time
from dataclasses import replace

import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding

from orchestrator_graph import ModelSpec, Policy, Prior
from orchestrator_graph.drive import SYNC, drive
from orchestrator_graph.memory import Lookup
from orchestrator_graph.nodes.ahead import report
from orchestrator_graph.nodes.decided import Decided
from orchestrator_graph.nodes.features import read_features
from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.routing.decide import decide
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.types import Subtask
from tests.graph.support import model, orchestrated, run
from tests.ollama_double import OllamaDouble

PLAN = '{"subtasks": [{"id": "1", "brief": "Name a city"}, {"id": "2", "brief": "Praise {1}", "needs": ["1"]}]}'
COMPOUND = "Reverse lantern, then count the letter n in the result; meanwhile add 47 and 38"
MODES = pytest.mark.parametrize("mode", ["sync", "async"])
ALWAYS = Policy(decompose="always")


class Slow(DeterministicFakeEmbedding):
    """A real embedder that takes its time and says how often it was asked."""

    asked: list[int]
    delay_s: float = 0.0

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.asked.append(len(texts))
        time.sleep(self.delay_s)
        return super().embed_documents(texts)


def embedder(delay_s: float = 0.0) -> Slow:
    return Slow(size=16, asked=[], delay_s=delay_s)


@MODES
def test_words_are_embedded_while_a_model_plans_and_the_time_is_measured(mode: str) -> None:
    slow = embedder(0.3)
    planner = model("planner", lambda text: "no plan" if "JSON" in text else "Paris", delay_s=0.2)
    with orchestrated(planner, embedder=slow) as orchestrator:
        out = run(orchestrator, mode, "Tell me of Paris", ALWAYS)
        found = report(orchestrator.services)
    assert out["results"]["1"]["status"] == "accepted"
    assert [line["purpose"] for line in out["bill"]["lines"]].count("embed") == 1
    assert slow.asked[0] == 1
    assert (found["embedding"]["hits"], found["embedding"]["misses"]) == (1, 0)
    assert 150 < found["embedding"]["saved_ms"] <= 400


@MODES
def test_what_was_embedded_for_nothing_is_billed_all_the_same(mode: str) -> None:
    slow = embedder()
    planner = model("planner", lambda text: PLAN if "JSON" in text else "Paris")
    with orchestrated(planner, embedder=slow) as orchestrator:
        out = run(orchestrator, mode, "Tell me of a city", ALWAYS)
        found = report(orchestrator.services)
    assert len(out["results"]) == 2
    (line,) = [line for line in out["bill"]["lines"] if line["purpose"] == "embed"]
    assert line["calls"] == 2  # the whole, for nothing; then both briefs at once
    assert (found["embedding"]["hits"], found["embedding"]["misses"]) == (0, 1)
    assert slow.asked[:2] == [1, 2]


@MODES
def test_all_waves_are_looked_up_with_the_first(mode: str) -> None:
    slow = embedder(0.05)
    with orchestrated(model("a", "7"), embedder=slow) as orchestrator:
        out = run(orchestrator, mode, COMPOUND)
        found = report(orchestrator.services)
    assert len(out["results"]) == 3
    assert slow.asked == [3]
    assert found["lookups"]["hits"] == 1  # the one subtask of the second wave
    assert found["lookups"]["saved_ms"] >= 15
    assert not orchestrator.services.desk.lookups


@pytest.fixture
def ollama():
    double = OllamaDouble()
    yield double
    double.stop()


@MODES
def test_the_next_waves_model_is_loaded_while_the_present_one_runs(
    ollama: OllamaDouble, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", ollama.url)
    ollama.set(load_s=0.4, chat_s=0.0)
    first = model("first", "nretnal", delay_s=0.9, price=0.0)
    specs = [
        replace(first, priors={"text": Prior(0.99, 500, "test"), "*": Prior(0.1, 500, "test")}),
        ModelSpec("ollama:alpha", priors={"text": Prior(0.1, 500, "test"), "*": Prior(0.99, 500, "test")}),
    ]
    task = "Reverse lantern. Then explain why {1} is a word".replace("{1}", "the result")
    with orchestrated(*specs) as orchestrator:
        plan = drive(orchestrator.gateway.portfolio(SYNC))
        assert "ollama:alpha" in plan
        out = run(orchestrator, mode, task, Policy(tradeoff="best"))
        found = report(orchestrator.services)
    used = {name: result["candidate"] for name, result in out["results"].items()}
    assert used == {"1": "test:first", "2": "ollama:alpha"}
    assert (found["models"]["hits"], found["models"]["misses"]) == (1, 0)
    assert 350 < found["models"]["saved_ms"] < 800
    assert len(ollama.asked("/api/generate")) == 1


@MODES
def test_a_run_ends_with_the_models_that_it_began_with(mode: str) -> None:
    swapped = []

    def script(_: str) -> str:
        if not swapped:
            thread = threading.Thread(target=lambda: drive(orchestrator.gateway.replace(SYNC, [model("new")])))
            thread.start()
            thread.join()
            swapped.append(True)
        return "7"

    with orchestrated(model("old", script)) as orchestrator:
        out = run(orchestrator, mode, COMPOUND)
        then = run(orchestrator, mode, COMPOUND)
    assert {result["candidate"] for result in out["results"].values()} == {"test:old"}
    assert {result["candidate"] for result in then["results"].values()} == {"test:new"}


def decided_by(book: Decided, mode: str, *, text: str = "Add 1 and 2", policy: Policy | None = None, **situation):
    """One decision through the book, and whether it was made."""
    made = []
    models = situation.pop("models", Portfolio([model("a"), model("b", price=9.0)]))
    version = situation.pop("version", (1,))
    policy = policy or Policy()
    subtask = Subtask("1", text, read_features(text, (), []))
    now = Situation(**situation)

    async def make():
        made.append(True)
        time.sleep(0.01)
        return decide("1", subtask.features, models, policy, now), Lookup()

    work = book.get(subtask, policy, now, models, version, make)
    decision, _ = drive(work) if mode == "sync" else asyncio.run(work)
    return decision, bool(made)


@MODES
def test_the_same_question_is_decided_once_and_has_an_id_of_its_own(mode: str) -> None:
    book = Decided()
    (one, fresh), (two, again) = decided_by(book, mode), decided_by(book, mode, speeds={})
    assert (fresh, again) == (True, False)
    assert one.id != two.id
    assert replace(two, id=one.id) == one
    saved = book.tally.report()
    assert (saved["hits"], saved["misses"]) == (1, 1)
    assert 5 < saved["saved_ms"] < 1000


@pytest.mark.parametrize(
    "other",
    [
        {"text": "Add 1 and 3"},
        {"policy": Policy(tradeoff="best")},
        {"models": Portfolio([model("a"), model("b", price=8.0)])},
        {"version": (2,)},
        {"tenant": "other"},
        {"user_id": "other"},
        {"private": True},
        {"left_nusd": 5},
        {"context_bytes": 9},
        {"healthy": {"test:a": False}},
        {"load_s": {"test:a": 3.0}},
    ],
    ids=lambda other: next(iter(other)),
)
def test_anything_that_it_rests_on_makes_a_new_decision(other: dict) -> None:
    book = Decided()
    decided_by(book, "sync")
    assert decided_by(book, "sync", **other)[1]


def test_chance_deadlines_and_age_make_a_new_decision() -> None:
    now = [0.0]
    book = Decided(clock=lambda: now[0])
    for options in ({"policy": Policy(explore=0.5)}, {"left_s": 9.0}):
        decided_by(book, "sync", **options)
        assert decided_by(book, "sync", **options)[1]
    decided_by(book, "sync")
    now[0] = 61.0
    assert decided_by(book, "sync")[1]


@MODES
def test_runs_alone_leave_decisions_valid_and_a_vote_makes_a_new_one(mode: str) -> None:
    # The dear one is chosen: that it is counted must not make the decision another one.
    with orchestrated(model("a", quality=0.3), model("b", quality=0.9, price=9.0)) as orchestrator:
        run(orchestrator, mode, "hello", Policy(tenant="other"))
        out = [run(orchestrator, mode, "hello") for _ in range(6)]
        tally, version = report(orchestrator.services)["decisions"], orchestrator.memory.version
        assert tally["hits"] >= 3
        orchestrator.feedback(out[-1]["messages"][-1].response_metadata["run_id"], 0.0)
        assert orchestrator.memory.version != version
        run(orchestrator, mode, "hello")
        assert report(orchestrator.services)["decisions"]["misses"] == tally["misses"] + 1
        version = orchestrator.memory.version
        orchestrator.memory.forget(tenant="other")
        assert orchestrator.memory.version != version


def test_dear_choices_matter_once_they_are_used_up() -> None:
    book, few = Decided(), Policy(dear_per_hour=2)
    made = [decided_by(book, "sync", policy=few, dear_used=used)[1] for used in (0, 1, 2, 3)]
    assert made == [True, False, True, False]


def test_what_can_never_be_given_again_is_not_kept() -> None:
    book = Decided()
    decided_by(book, "sync", left_s=9.0)
    decided_by(book, "sync", policy=Policy(explore=0.5))
    assert not book._made
