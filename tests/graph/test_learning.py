"""What is remembered changes what is decided: through runs, votes and a real memory on disk."""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from orchestrator_graph import ModelSpec, Orchestrator, Policy
from tests.graph.remembered import Past, decided, remembered
from tests.graph.support import model, orchestrated, run

NOUNS = ("house", "tree", "river", "stone", "bread", "winter", "garden", "window", "bridge", "hill", "candle", "letter")
KINDS = {
    "sums": [f"Multiply {a} by {b}" for a in range(3, 9) for b in (11, 13)],
    "words": [f"Translate the word {noun} into French" for noun in NOUNS],
}
NEW = {"sums": "Multiply 17 by 23", "words": "Translate the word hammer into French"}
WHOLE = Policy(decompose="never")


def pool() -> list[ModelSpec]:
    """`words` is the better one by its prior, and right about translations only; `sums` is right about sums."""
    return [
        model("sums", lambda asked: "143" if "Multiply" in asked else "no idea", quality=0.75),
        model("words", lambda asked: "maison" if "Translate" in asked else "7", quality=0.8),
    ]


def choices(orc: Orchestrator, mode: str) -> dict[str, str]:
    return {kind: decided(orc, mode, text).ranking[0].candidate.id for kind, text in NEW.items()}


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 48 runs, each with a vote: each task was given to both models."""
    folder = tmp_path_factory.mktemp("taught")
    with orchestrated(*pool(), memory=folder, policy=WHOLE) as orc:
        assert choices(orc, "sync") == {"sums": "test:words", "words": "test:words"}
        for number, (kind, texts) in enumerate(KINDS.items()):
            for text in texts:
                for name in KINDS:
                    out = run(orc, ("sync", "async")[number], text, Policy(pin=f"test:{name}"))
                    orc.feedback(out["bill"]["run_id"], float(name == kind))
        orc.memory.flush()
        assert choices(orc, "sync") == {"sums": "test:sums", "words": "test:words"}  # this process knows it as well
    return folder


@pytest.fixture
def folder(taught: Path, tmp_path: Path) -> Iterator[Path]:
    yield Path(shutil.copytree(taught, tmp_path / "memory"))


def test_a_new_process_knows_it_at_its_first_decision(folder: Path, mode: str) -> None:
    for kind, text in NEW.items():
        with orchestrated(*pool(), memory=folder) as orc:
            first = decided(orc, mode, text).ranking[0]
        assert first.candidate.id == f"test:{kind}"
        assert "linear" in first.source
        assert first.n == 50 + 24  # the prior's and the votes on this model


def test_a_run_is_decided_as_the_advice_said_and_answers_rightly(folder: Path, mode: str) -> None:
    with orchestrated(*pool(), memory=folder) as orc:
        out = {kind: run(orc, mode, text)["results"]["1"] for kind, text in NEW.items()}
    assert {kind: result["answer"] for kind, result in out.items()} == {"sums": "143", "words": "maison"}
    assert all("linear" in result["why"] for result in out.values())


@pytest.mark.parametrize("guard", ["prior", "strict"])
def test_an_empty_memory_decides_by_priors(tmp_path: Path, mode: str, guard: Any) -> None:
    with orchestrated(*pool(), memory=tmp_path, policy=Policy(guard=guard)) as orc:
        decision = decided(orc, mode, NEW["sums"])
        out = run(orc, mode, NEW["sums"])
    assert decision.memory_state == "empty"
    assert decision.ranking[0].source == "prior: test"
    assert out["results"]["1"]["candidate"] == decision.ranking[0].candidate.id == "test:words"


def test_what_was_forgotten_is_unlearnt_in_the_same_process(folder: Path, mode: str) -> None:
    with orchestrated(*pool(), memory=folder) as orc:
        assert choices(orc, mode)["sums"] == "test:sums"
        assert orc.memory.forget(tenant="default").tasks == 48
        ranking = decided(orc, mode, NEW["sums"]).ranking
        out = run(orc, mode, NEW["sums"])
    assert [e.source for e in ranking] == ["prior: test"] * 2
    assert out["results"]["1"]["candidate"] == "test:words"


def test_of_a_forgotten_user_nothing_is_known_while_others_stay(tmp_path: Path) -> None:
    sums = [Past(text, {"test:sums": 1.0, "test:words": 0.0}, "ann") for text in KINDS["sums"]]
    words = [Past(text, {"test:sums": 0.0, "test:words": 1.0}, "bob") for text in KINDS["words"]]
    with orchestrated(*pool(), memory=tmp_path) as orc:
        remembered(orc.memory, [*sums, *words])
        assert decided(orc, "sync", NEW["sums"], user_id="ann").ranking[0].candidate.id == "test:sums"
        orc.memory.forget(user="ann")
        first = decided(orc, "sync", NEW["sums"], user_id="ann").ranking[0]
    assert (first.candidate.id, first.n) == ("test:words", 50 + 12)


def test_another_tenant_knows_nothing(folder: Path) -> None:
    with orchestrated(*pool(), memory=folder) as orc:
        assert choices(orc, "sync")["sums"] == "test:sums"
        assert decided(orc, "sync", NEW["sums"], tenant="other").ranking[0].source == "prior: test"


def test_first_decisions_at_the_same_time_all_know_it(folder: Path) -> None:
    with orchestrated(*pool(), memory=folder) as orc, ThreadPoolExecutor(8) as threads:
        sources = list(threads.map(lambda _: orc.decide(NEW["sums"]).ranking[0].source, range(8)))
    assert all("linear" in source for source in sources)


@pytest.mark.parametrize(
    "policy",
    [
        {"tradeoff": "cheap"},
        {"tradeoff": "best"},
        {"min_quality": 0.6},
        {"guard": "strict", "reference": "test:words"},
        {"strategy": "cascade"},
        {"strategy": "consensus"},
        {"fault_tolerance": "low"},
        {"user_id": "ann", "dear_per_hour": 0},
    ],
    ids=lambda policy: next(iter(policy)),
)
def test_the_advice_is_what_a_run_begins_with(folder: Path, mode: str, policy: dict[str, Any]) -> None:
    with orchestrated(*pool(), memory=folder) as orc:
        for text in NEW.values():
            advice = decided(orc, mode, text, **policy)
            made = run(orc, mode, text, Policy(**policy))["results"]["1"]["decision"]
            assert made["ranking"][0]["candidate_id"] == advice.ranking[0].candidate.id
            assert made["propensities"] == advice.propensities


def test_a_memory_that_is_away_leaves_advice_and_run_to_the_priors(mode: str) -> None:
    with orchestrated(*pool(), memory="postgresql://nobody:x@127.0.0.1:1/none") as orc:
        advice = decided(orc, mode, NEW["sums"])
        out = run(orc, mode, NEW["sums"])
    for state in (advice.memory_state, out["results"]["1"]["decision"]["memory_state"]):
        assert state.startswith("off (")
    assert out["results"]["1"]["candidate"] == advice.ranking[0].candidate.id == "test:words"
    assert any("not remembered" in note for note in out["bill"]["notes"])
