"""What one candidate's confidence says about the others, and what ensembles gained on remembered answers."""

import numpy as np
import pytest

from orchestrator_graph.confidence.calibration import Calibration
from orchestrator_graph.confidence.collisions import Collisions
from orchestrator_graph.confidence.normalise import fingerprint
from orchestrator_graph.confidence.replay import Replay
from orchestrator_graph.confidence.shifts import Shifts
from orchestrator_graph.types import Candidate, Member
from orchestrator_graph.types.history import History


def history(
    scores: "np.ndarray", names: tuple[str, ...], said: "np.ndarray | None" = None, **fields: object
) -> History:
    n = len(scores)
    return History(
        vectors=np.eye(n, 4, dtype=np.float32),
        scores=scores,
        weights=(~np.isnan(scores)).astype(float),
        candidates=names,
        task_types=("maths",) * n,
        users=("",) * n,
        times=np.arange(n, dtype=np.float64),
        said=np.zeros((0, 0), "U16") if said is None else said,
        **fields,  # type: ignore[arg-type]
    )


def test_nothing_remembered_moves_nothing() -> None:
    assert Shifts().shifted({"b": 0.6}, {"a": (0.5, 0.1)}) == {"b": 0.6}


def test_who_errs_alike_is_believed_less_and_who_does_not_stays() -> None:
    rng = np.random.default_rng(0)
    a = (rng.random(400) < 0.5).astype(float)
    alike = np.where(rng.random(400) < 0.8, a, 1 - a)
    other = (rng.random(400) < 0.5).astype(float)
    shifts = Shifts()
    shifts.learn(history(np.stack([a, alike, other], axis=1), ("a", "b", "c")))
    moved = shifts.shifted({"b": 0.5, "c": 0.5, "new": 0.4}, {"a": (0.5, 0.1)})
    assert moved["b"] < 0.35
    assert moved["c"] == pytest.approx(0.5, abs=0.06)
    assert moved["new"] == 0.4
    assert shifts.shifted({"b": 0.5}, {"a": (0.5, 0.9)})["b"] > 0.65


def test_few_common_tasks_are_hardly_believed_and_erased_ones_forgotten() -> None:
    shifts, scores = Shifts(), np.array([[1.0, 1.0], [0.0, 0.0]] * 3)
    shifts.learn(history(scores, ("a", "b")))
    assert shifts.shifted({"b": 0.5}, {"a": (0.5, 0.1)})["b"] > 0.45
    shifts.learn(History.empty("default", ""))
    assert shifts.shifted({"b": 0.5}, {"a": (0.5, 0.1)}) == {"b": 0.5}


def test_own_opinions_teach_no_correlation() -> None:
    shifts = Shifts()
    known = history(np.array([[1.0, 1.0], [0.0, 0.0]] * 200), ("a", "b"))
    shifts.learn(History(**{f: getattr(known, f) for f in known.__slots__} | {"weights": known.weights * 0.3}))
    assert shifts.shifted({"b": 0.5}, {"a": (0.5, 0.1)}) == {"b": 0.5}


def test_a_vote_of_three_gains_where_they_err_apart() -> None:
    rng = np.random.default_rng(1)
    right = (rng.random((300, 3)) < 0.7).astype(float)
    said = np.array([[fingerprint("7" if y else str(rng.integers(10, 99)), "number") for y in row] for row in right])
    known = history(right, ("x:a", "y:b", "z:c"), said, signals={"probability": np.full((300, 3), 0.7)})
    replay = Replay(Calibration(), Collisions())
    for learner in (replay.calibration, replay.collisions, replay):
        learner.learn(known)
    gains = replay.gains("maths")
    three = Candidate("consensus", (Member("x:a"), Member("y:b"), Member("z:c")))
    points, se, n = gains[three]
    assert n == 300
    assert points - se > 0.02
    assert len(gains) == 4
    assert replay.gains("writing")[three] == (points, se, n)  # over all types, where this one is unknown
    replay.learn(History.empty("default", ""))
    assert replay.gains("maths") == {}


def test_outcomes_of_the_ensemble_itself_tell_its_gain() -> None:
    right = np.array([[1.0, 0.0], [1.0, 1.0]] * 40)
    replay = Replay(Calibration(), Collisions())
    replay.learn(history(right, ("best_of_3(x:a)", "x:a")))
    ((candidate, (points, _, n)),) = replay.gains("maths").items()
    assert (candidate.id, points, n) == ("best_of_3(x:a)", 0.5, 80)


def test_too_few_outcomes_tell_none() -> None:
    replay = Replay(Calibration(), Collisions())
    replay.learn(history(np.array([[1.0, 0.0]] * 20), ("best_of_3(x:a)", "x:a")))
    assert replay.gains("maths") == {}
