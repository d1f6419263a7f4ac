"""What makes the strict guard leave its reference, and what expected costs rest on: pairs, and answers seen."""

import json
from pathlib import Path

import pytest

from orchestrator_graph import Orchestrator, Policy
from orchestrator_graph.drive import SYNC, drive
from orchestrator_graph.evaluation.plan import plan_profile
from orchestrator_graph.evaluation.profile import carry_out
from orchestrator_graph.evaluation.tasks import read_tasks
from orchestrator_graph.memory import Memory
from tests.graph.remembered import decided
from tests.graph.support import model, orchestrated, run

SUM = "Multiply 17 by 23"


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
            decision = decided(orc, mode, SUM)
            out = run(orc, mode, SUM)["results"]["1"]
            assert out["candidate"] == decision.ranking[0].candidate.id
            seen.append((decision.ranking[0].candidate.id, decision.why))
    assert [name for name, _ in seen] == ["test:big", "test:big", "test:small"]
    assert "no paired test allows leaving the reference" in seen[0][1]
    assert "(10 pairs seen)" in seen[1][1]
    assert "60 pairs say that it is at most 20 points below test:big" in seen[2][1]


@pytest.mark.parametrize("voted", [True, False])
def test_expected_cost_rests_on_the_answers_that_were_seen(tmp_path: Path, mode: str, *, voted: bool) -> None:
    brief, long = model("brief", "yes " * 100), model("long", "yes " * 1000)
    with orchestrated(brief, long, memory=Memory(tmp_path, index="none")) as orc:
        before = {e.candidate.id: e.cost_nusd for e in decided(orc, mode, "Who wrote Faust?").ranking}
        for name in ("brief", "long"):
            for writer in ("Faust", "Emma", "Ulysses", "Hamlet"):
                out = run(orc, mode, f"Who wrote {writer}?", Policy(pin=f"test:{name}"))
                if voted:
                    orc.feedback(out["bill"]["run_id"], 1.0)
        orc.memory.flush()
        after = {e.candidate.id: e.cost_nusd or 0 for e in decided(orc, mode, "Who wrote Faust?").ranking}
        orc.memory.forget(tenant="default")
        erased = {e.candidate.id: e.cost_nusd for e in decided(orc, mode, "Who wrote Faust?").ranking}
    assert before["test:brief"] == before["test:long"]
    assert after["test:long"] > 2.5 * after["test:brief"]
    assert after["test:brief"] < (before["test:brief"] or 0) < after["test:long"]
    assert erased == before
