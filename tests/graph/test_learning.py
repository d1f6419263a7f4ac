"""What is remembered changes what is decided: through runs, votes and a real memory on disk."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator_graph import ModelSpec, Orchestrator, Policy
from orchestrator_graph.drive import SYNC, drive
from orchestrator_graph.evaluation.plan import plan_profile
from orchestrator_graph.evaluation.profile import carry_out
from orchestrator_graph.evaluation.tasks import read_tasks
from orchestrator_graph.memory import Memory
from orchestrator_graph.types import Decision
from tests.graph.remembered import Past, remembered
from tests.graph.support import model, orchestrated, run

NOUNS = "house tree river stone bread winter garden window bridge mountain candle letter".split()
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


def decided(orc: Orchestrator, mode: str, text: str, **policy: Any) -> Decision:
    import asyncio

    return orc.decide(text, policy) if mode == "sync" else asyncio.run(orc.adecide(text, policy))


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


def profiled(orc: Orchestrator, folder: Path, count: int) -> None:
    """Both models on the same checked tasks, as `orchestrator models profile` does it."""
    rows = [{"task": f"Multiply {a} by {a + 1}", "answer": "143"} for a in range(11, 11 + count)]
    path = folder / "tasks.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    plan = drive(plan_profile(SYNC, orc.services, "test:small", read_tasks(path), 10.0, ["test:big"]))
    drive(carry_out(SYNC, orc.services, plan))
    orc.memory.flush()


def test_the_strict_guard_leaves_the_reference_once_enough_pairs_speak_for_it(tmp_path: Path, mode: str) -> None:
    models = model("small", "143", 0.7, 0.1), model("big", "143", 0.9, 10.0)
    strict = Policy(guard="strict", tradeoff="cheap", reference="test:big", max_quality_loss=0.2)
    with orchestrated(*models, memory=Memory(tmp_path, index="none"), policy=strict) as orc:
        seen = []
        for count in (0, 10, 60):
            if count:
                profiled(orc, tmp_path, count)
            decision = decided(orc, mode, NEW["sums"])
            out = run(orc, mode, NEW["sums"])["results"]["1"]
            assert out["candidate"] == decision.ranking[0].candidate.id
            seen.append((decision.ranking[0].candidate.id, decision.why))
    assert [name for name, _ in seen] == ["test:big", "test:big", "test:small"]
    assert "no paired test allows leaving the reference" in seen[0][1]
    assert "(10 pairs seen)" in seen[1][1]
    assert "60 pairs say that it is at most 20 points below test:big" in seen[2][1]


def test_expected_cost_rests_on_the_answers_that_were_seen(tmp_path: Path, mode: str) -> None:
    brief, long = model("brief", "yes " * 100), model("long", "yes " * 1000)
    with orchestrated(brief, long, memory=tmp_path) as orc:
        before = {e.candidate.id: e.cost_nusd for e in decided(orc, mode, "Who wrote Faust?").ranking}
        for name in ("brief", "long"):
            for writer in ("Faust", "Emma", "Ulysses", "Hamlet", "Candide", "Dracula"):
                out = run(orc, mode, f"Who wrote {writer}?", Policy(pin=f"test:{name}"))
                orc.feedback(out["bill"]["run_id"], 1.0)
        orc.memory.flush()
        after = {e.candidate.id: e.cost_nusd or 0 for e in decided(orc, mode, "Who wrote Faust?").ranking}
    assert before["test:brief"] == before["test:long"]
    assert after["test:long"] > 3 * after["test:brief"]
    assert after["test:brief"] < (before["test:brief"] or 0) < after["test:long"]
