"""From a profile to calibrated verdicts, on the pocket models for real; and what refuses those that are not."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator_graph import Orchestrator, Policy
from orchestrator_graph.drive import SYNC, drive
from orchestrator_graph.evaluation.plan import plan_profile
from orchestrator_graph.evaluation.profile import carry_out
from orchestrator_graph.evaluation.tasks import read_tasks
from orchestrator_graph.memory import Memory
from orchestrator_graph.nodes.voices import signals_in
from orchestrator_graph.pocket import generate
from orchestrator_graph.types.history import History
from tests.graph.support import model, orchestrated, run

MODELS = [f"pocket:{name}" for name in ("small", "medium", "maths", "text", "logic")]
LABELS = 150


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orchestrator]:
    """Five models on 150 checked tasks, as `orchestrator models profile` does it."""
    folder = tmp_path_factory.mktemp("taught")
    rows = [{"task": t.prompt, "answer": t.answer} for t in generate("calibration", LABELS + 30, seed=3)]
    unique = list({row["task"]: row for row in rows}.values())[:LABELS]
    (folder / "tasks.jsonl").write_text("\n".join(map(json.dumps, unique)), encoding="utf-8")
    with Orchestrator("pocket", memory=Memory(folder, index="none"), policy=Policy(strategy="route")) as orc:
        checked = read_tasks(folder / "tasks.jsonl")
        plan = drive(plan_profile(SYNC, orc.services, MODELS[0], checked, 1.0, MODELS[1:]))
        drive(carry_out(SYNC, orc.services, plan))
        orc.decide("Reverse lantern")
        orc.memory.flush()
        yield orc


def answered(orc: Orchestrator, mode: str, text: str, **policy: Any) -> dict[str, Any]:
    result: dict[str, Any] = run(orc, mode, text, Policy(strategy="route", **policy))["results"]["1"]
    return result


def test_a_verdict_after_a_profile_is_calibrated_and_says_by_how_many(taught: Orchestrator, mode: str) -> None:
    good = answered(taught, mode, "Reverse copper", pin="pocket:text")
    assert good["answer"] == "reppoc"
    assert (good["verdict"]["calibrated"], good["verdict"]["n"]) == (True, LABELS)
    assert good["status"] == "accepted"
    assert "calibrated" in {item["name"] for item in good["verdict"]["evidence"]}
    # The specialist for arithmetic answers this with a number that it is quite sure of.
    proud = answered(taught, mode, "Sort the letters of window", pin="pocket:maths")
    assert proud["verdict"]["calibrated"]
    assert proud["confidence"] < 0.2
    assert proud["status"] == "unsure"


def test_required_accepts_calibrated_answers_only(taught: Orchestrator, mode: str) -> None:
    assert answered(taught, mode, "Reverse copper", pin="pocket:text", calibration="required")["status"] == "accepted"
    with Orchestrator("pocket", policy=Policy(strategy="route", calibration="required")) as fresh:
        refused = answered(fresh, mode, "Reverse copper", pin="pocket:text", calibration="required")
    assert refused["status"] == "unsure"
    assert refused["answer"] == "reppoc"  # the best in hand is still given, marked
    (why,) = [item["detail"] for item in refused["verdict"]["evidence"] if item["name"] == "not calibrated"]
    assert why.startswith("no labels")
    assert "required" in why


def test_required_goes_on_to_the_next_model(mode: str) -> None:
    with orchestrated(model("a", "42", 0.8), model("b", "42", 0.9)) as orc:
        out = run(
            orc,
            mode,
            "Multiply 6 by 7",
            Policy(calibration="required", strategy="cascade", cascade=["test:a", "test:b"]),
        )
    assert out["bill"]["calls"] == 2
    assert out["results"]["1"]["status"] == "unsure"


def test_models_that_agree_are_surer_than_either_and_differing_ones_less(taught: Orchestrator, mode: str) -> None:
    task = "Sort the letters of window"
    alone = [answered(taught, mode, task, pin=name)["confidence"] for name in ("pocket:small", "pocket:medium")]
    both = run(taught, mode, task, Policy(strategy="consensus", allow=["pocket:small", "pocket:medium"]))
    result = both["results"]["1"]
    assert result["verdict"]["calibrated"]
    agreement = next(item for item in result["verdict"]["evidence"] if item["name"] == "agreement")
    if agreement["value"] == 1.0:
        assert result["confidence"] > max(alone)
    else:
        assert result["confidence"] < max(alone)


def test_what_a_run_leaves_can_calibrate(tmp_path: Path, mode: str) -> None:
    memory, learnt = Memory(tmp_path, index="none"), list[History]()
    memory.taught(learnt.append)
    with Orchestrator("pocket", memory=memory) as orc:
        out = run(orc, mode, "Reverse copper", Policy(strategy="route", pin="pocket:text"))
        orc.feedback(out["bill"]["run_id"], 1.0)
        orc.memory.flush()
    history = learnt[-1]
    assert history.signals["probability"].shape == (1, 1)
    assert 0.5 < history.signals["probability"][0, 0] <= 1
    assert history.said[0, 0] != ""


def test_signals_are_made_from_sums_where_there_are_only_those() -> None:
    assert signals_in({"logprob": None}) == {}
    assert signals_in({"signals": {"probability": 0.5}, "logprob": None}) == {"probability": 0.5}
