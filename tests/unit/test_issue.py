"""What labels a promise is made of: none that is there only because it agrees, none that was proved wrong."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator_graph import Orchestrator
from orchestrator_graph.confidence.certificate import Certificate, Refusal
from orchestrator_graph.drive import SYNC, drive
from orchestrator_graph.errors import CertificateError
from orchestrator_graph.memory import Memory, RunRecord, TaskRecord
from orchestrator_graph.memory.certificates import newest, stored, suspend
from orchestrator_graph.memory.past import past
from orchestrator_graph.types import Outcome, new_id
from tests.graph.support import orchestrated
from tests.promised import certificate
from tests.unit.test_cli_certify import made, pairs, pool, remembered


def open_ones(memory: Memory, n: int, cheap: float, weight: float = 0.0) -> list[str]:
    """Tasks on which the cheap answer was judged and the reference's was not; the ids of the latter."""
    tasks, outcomes = list[TaskRecord](), list[Outcome]()
    for i in range(n):
        name = new_id()
        text = f"Name the author of book {i} of room {i % 5}"
        tasks.append(TaskRecord(name, name, "1", "default", "", text, "qa", False, time.time()))
        outcomes.append(Outcome(f"{name}-0", name, name, "test:cheap", cheap, "feedback", 1.0))
        outcomes.append(Outcome(f"{name}-1", name, name, "test:dear", 0.0, "not judged", weight))
    drive(memory.remember(SYNC, RunRecord(tuple(tasks), outcomes=tuple(outcomes))))
    memory.flush()
    return [task.id for task in tasks]


@pytest.mark.parametrize("weight", [0.0, 0.3])
def test_agreements_alone_make_no_promise_where_differing_answers_wait_for_a_word(mode: str, weight: float) -> None:
    with orchestrated(*pool()) as orc:
        remembered(orc.memory, pairs(500, 0.0, 0.0))  # both wrong, as a check or an agreement settles by itself
        open_ones(orc.memory, 100, 0.0, weight)
        refused = made(orc, mode)
        assert isinstance(refused, Refusal)
        assert "100 answers of test:dear that nobody judged, beside wrong ones, count as right" in refused.reason


def test_unjudged_answers_beside_right_ones_lose_nothing(mode: str) -> None:
    with orchestrated(*pool()) as orc:
        remembered(orc.memory, pairs(500, 1.0, 1.0))
        open_ones(orc.memory, 100, 1.0)
        granted = made(orc, mode)
        assert isinstance(granted, Certificate), granted
        assert granted.n == 600


def test_only_who_is_measured_against_is_given_the_benefit_of_the_doubt() -> None:
    with orchestrated(*pool()) as orc:
        open_ones(orc.memory, 3, 0.0)
        usual = drive(past(SYNC, orc.memory, "default"))
        assert usual.candidates == ("test:cheap",)
        assert drive(past(SYNC, orc.memory, "default", at_best="test:nobody")).trusted.sum() == 3
        best = drive(past(SYNC, orc.memory, "default", at_best="test:dear"))
        assert len(set(best.words)) == 3
        assert best.trusted.all() and best.scores[:, best.candidates.index("test:dear")].tolist() == [1.0] * 3


def test_what_was_suspended_is_not_granted_again_on_the_same_labels(mode: str) -> None:
    with orchestrated(*pool()) as orc:
        remembered(orc.memory, pairs(500, 1.0))
        first = made(orc, mode)
        assert isinstance(first, Certificate)
        drive(suspend(SYNC, orc.memory, first.id, "60 audited requests say so"))
        again = made(orc, mode)
        assert isinstance(again, Refusal)
        assert "500 labelled tasks from before the promise that was suspended do not count" in again.reason
        remembered(orc.memory, pairs(400, 1.0))
        renewed = made(orc, mode)
        assert isinstance(renewed, Certificate)
        assert renewed.n == 400
        assert isinstance(made(orc, mode), Certificate)  # and a grant in between brings the old ones not back
        assert drive(newest(SYNC, orc.memory, "default")).suspended == ""  # type: ignore[union-attr]


def test_what_was_too_little_to_be_tested_is_no_attempt(mode: str) -> None:
    with orchestrated(*pool()) as orc:
        remembered(orc.memory, pairs(200, 1.0))
        few = made(orc, mode)
        assert isinstance(few, Refusal)
        (more,) = few.needed.values()
        remembered(orc.memory, pairs(200 + more, 1.0)[200:])
        assert isinstance(made(orc, mode), Certificate)  # as many as were said to be missing


def test_a_foreign_file_is_not_put_into_the_other_tenants_hands(tmp_path: Path) -> None:
    foreign: Any = replace(certificate(), tenant="acme")
    foreign.save(tmp_path / "promise.json")
    with Orchestrator(pool(), certificate=tmp_path / "promise.json") as orc:
        with pytest.raises(CertificateError, match="tenant = 'acme'"):
            orc.run("Name the author of Faust")
        assert drive(stored(SYNC, orc.memory, tenant="acme")) == []
