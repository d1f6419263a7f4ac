"""Models and prices exchanged while an orchestrator is in use: the next decision and bill know it, runs keep theirs."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from orchestrator_graph import ModelSpec, Orchestrator, Policy, Price
from orchestrator_graph.errors import NoCandidateError, RegistryError
from tests.graph.support import model, orchestrated, run

ASK = "Who wrote Faust?"
Exchange = Callable[[Orchestrator, Sequence[ModelSpec]], Any]


@pytest.fixture
def exchange(mode: str) -> Exchange:
    def do(orc: Orchestrator, models: Sequence[ModelSpec]) -> Any:
        return orc.set_models(list(models)) if mode == "sync" else asyncio.run(orc.aset_models(list(models)))

    return do


def first(orc: Orchestrator) -> tuple[str, int | None]:
    estimate = orc.decide(ASK).ranking[0]
    return estimate.candidate.id, estimate.cost_nusd


def test_a_price_shows_in_the_next_decision_and_bill(mode: str, exchange: Exchange) -> None:
    one, two = model("one", quality=0.85), model("two", quality=0.8)
    with orchestrated(one, two) as orc:
        (name, cost), bill = first(orc), run(orc, mode, ASK)["bill"]
        assert name == "test:one"
        exchange(orc, [replace(one, price=Price(3.0, 3.0))])
        assert first(orc) == ("test:one", 3 * (cost or 0))
        assert run(orc, mode, ASK)["bill"]["total_nusd"] == 3 * bill["total_nusd"] > 0
        exchange(orc, [replace(one, price=Price(30.0, 30.0)), two])
        assert first(orc)[0] == "test:two"  # too dear now
        assert run(orc, mode, ASK)["results"]["1"]["candidate"] == "test:two"


def test_a_model_that_was_taken_out_is_not_chosen_and_one_put_in_is(mode: str, exchange: Exchange) -> None:
    old, kept, new = (model(name, name, quality) for name, quality in (("old", 0.9), ("kept", 0.8), ("new", 0.95)))
    with orchestrated(old, kept) as orc:
        assert run(orc, mode, ASK)["messages"][-1].content == "old"
        exchange(orc, [kept])
        out = run(orc, mode, ASK)
        assert out["messages"][-1].content == "kept"
        assert [e["candidate_id"] for e in out["results"]["1"]["decision"]["ranking"]] == ["test:kept"]
        with pytest.raises(NoCandidateError, match=r"policy\.pin = 'test:old'"):
            run(orc, mode, ASK, Policy(pin="test:old"))
        exchange(orc, [kept, new])
        assert run(orc, mode, ASK)["messages"][-1].content == "new"
        assert len(old.model.seen) == 1


def test_a_wrong_name_changes_nothing(mode: str, exchange: Exchange) -> None:
    with orchestrated(model("one")) as orc:
        before = run(orc, mode, ASK)["results"]["1"]["decision"]["registry_fingerprint"]
        with pytest.raises(RegistryError, match="provider:name"):
            exchange(orc, ["nonsense"])  # type: ignore[list-item]
        assert run(orc, mode, ASK)["results"]["1"]["decision"]["registry_fingerprint"] == before


def test_a_run_under_way_keeps_its_models_and_prices(mode: str, exchange: Exchange) -> None:
    begun, go, out = threading.Event(), threading.Event(), dict[str, Any]()

    def slow(asked: str) -> str:
        begun.set()
        go.wait(20)
        return "dunno" if "Multiply" in asked else "words"

    # The first answer fails its check, so that the run decides again after the exchange: for a model that is gone.
    one, two = model("one", slow, 0.9), model("two", "42", 0.8)
    with orchestrated(one, two) as orc:

        def work() -> None:
            out.update(run(orc, mode, "Multiply 6 by 7"))

        thread = threading.Thread(target=work)
        thread.start()
        assert begun.wait(20)
        exchange(orc, [replace(one, price=Price(50.0, 50.0)), model("three", quality=0.85)])
        go.set()
        thread.join()
        after = run(orc, mode, ASK)
    assert out["results"]["1"]["models"] == ["test:one", "test:two"]
    assert out["messages"][-1].content == "42"
    assert {line["model"] for line in out["bill"]["lines"]} == {"test:one", "test:two"}
    tokens = {line["model"]: line["input_tokens"] + line["output_tokens"] for line in out["bill"]["lines"]}
    assert out["bill"]["total_nusd"] == 1000 * sum(tokens.values())  # both still at one dollar a million
    assert after["results"]["1"]["candidate"] == "test:three"
