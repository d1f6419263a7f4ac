"""The frozen policy of a certificate: what it chooses, and what it reads back."""

import json
import math
from itertools import pairwise

import numpy as np
import pytest

from orchestrator_graph.errors import CertificateError
from orchestrator_graph.routing.gate import Gate, learn_gate
from orchestrator_graph.types.history import History


def history(n: int = 300, seed: int = 0) -> History:
    """A dear model that is always right; a cheap one that is right where the first coordinate is positive."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(n, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    scores = np.stack([np.ones(n), (vectors[:, 0] > 0).astype(float)], axis=1)
    return History(
        vectors, scores, np.ones((n, 2)), ("dear", "cheap"), ("qa",) * n, ("",) * n, np.arange(float(n)), space="s"
    )


def test_a_larger_threshold_leaves_the_reference_on_more_tasks_and_never_on_fewer() -> None:
    past = history()
    gate = learn_gate(past, "dear", {"cheap": 0.9})
    gaps = gate.gaps(past.vectors, past.task_types)
    left = [gate.picks(gaps, threshold) >= 0 for threshold in (-math.inf, -0.1, 0.0, 0.1, 0.5, math.inf)]
    assert not left[0].any()
    assert left[-1].all()
    assert all((less <= more).all() for less, more in pairwise(left))
    crossing = gate.thresholds(gaps)
    assert (gate.picks(gaps, float(crossing[7]) + 1e-9) >= 0)[7]
    assert not (gate.picks(gaps, float(crossing[7]) - 1e-6) >= 0)[7]


def test_it_learns_where_the_cheap_model_is_as_good() -> None:
    past = history()
    gate = learn_gate(past, "dear", {"cheap": 0.9}).at(0.2)
    picks = gate.picks(gate.gaps(past.vectors, past.task_types)) >= 0
    assert past.scores[picks, 1].mean() > 0.9


def test_what_is_written_is_what_is_read() -> None:
    past = history()
    for threshold in (0.1, math.inf, -math.inf):
        gate = learn_gate(past, "dear", {"cheap": 0.9}).at(threshold)
        again = Gate.from_json(json.loads(json.dumps(gate.to_json())))
        gaps = gate.gaps(past.vectors, past.task_types)
        assert np.allclose(again.gaps(past.vectors, past.task_types), gaps, atol=1e-5)
        assert again.threshold == threshold
        assert [again.choose(v, "qa") for v in past.vectors[:20]] == [gate.choose(v, "qa") for v in past.vectors[:20]]


def test_outside_its_domain_the_reference_answers() -> None:
    past = history()
    gate = learn_gate(past, "dear", {"cheap": 0.9}).at(math.inf)
    assert gate.choose(past.vectors[0], "qa") == ("cheap", True)
    assert gate.choose(past.vectors[0], "code") == ("dear", False)
    assert gate.choose(past.vectors[0][:5], "qa") == ("dear", False)
    assert gate.choose(None, "qa") == ("dear", False)
    bounded = Gate(**{**{f: getattr(gate, f) for f in Gate.__slots__}, "landmarks": past.vectors[:1], "near": 0.99})
    assert bounded.choose(past.vectors[0], "qa") == ("cheap", True)
    assert bounded.choose(-past.vectors[0], "qa") == ("dear", False)


@pytest.mark.parametrize(
    "change",
    [
        {"bias": {"shape": [2], "float32": "AAAAAAAAAAA="}},
        {"weights": {"shape": [3], "float32": "!"}},
        {"saved": []},
        {"alternatives": [], "saved": []},
        {"threshold": "soon"},
        {"centre": None},
    ],
)
def test_a_damaged_gate_is_refused(change: dict[str, object]) -> None:
    data = learn_gate(history(), "dear", {"cheap": 0.9}).to_json()
    with pytest.raises(CertificateError, match=r"certificate\.gate"):
        Gate.from_json({**data, **change})
