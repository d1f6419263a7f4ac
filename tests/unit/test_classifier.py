"""The heads learn what they should, know how sure they are, and a file that is not theirs is refused."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from orchestrator_graph.errors import ConfigError
from orchestrator_graph.routing.classifier import FEWEST, Classifier, Heads, fit_heads, logistic
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.routing.weights import load_classifier, save_classifier
from orchestrator_graph.types import Candidate, Features
from orchestrator_graph.types.history import History

TASK = Features("any")


def history(scores: NDArray[np.float64], vectors: NDArray[np.float32], **fields: object) -> History:
    n, m = scores.shape
    names = ("weak", "strong") if m == 2 else tuple(f"m{i}" for i in range(m))
    known = {
        "weights": np.where(np.isnan(scores), 0.0, 1.0),
        "candidates": names,
        "task_types": ("qa",) * n,
        "users": ("",) * n,
        "times": np.zeros(n),
        "space": "test",
    }
    return History(vectors, scores, **{**known, **fields})  # type: ignore[arg-type]


def unit(n: int, d: int = 12, seed: int = 0) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def two(n: int, seed: int = 0) -> History:
    """Where the first coordinate is positive only the strong one is right; elsewhere both are, nearly always."""
    vectors = unit(n, seed=seed)
    rng = np.random.default_rng(seed + 1)
    hard = vectors[:, 0] > 0
    weak = np.where(hard, rng.random(n) < 0.2, rng.random(n) < 0.9)
    strong = rng.random(n) < 0.9
    return history(np.stack([weak, strong], axis=1).astype(float), vectors)


def asked(classifier: Classifier, vector: NDArray[np.float32], *names: str) -> dict[str, tuple[float, float]]:
    now = Situation(vector=vector, space="test")
    found = classifier(TASK, [Candidate.single(name) for name in names], now)
    return {name: (belief.quality, belief.se) for name, belief in found.items()}


def taught(past: History) -> Classifier:
    classifier = Classifier()
    classifier.learn(past)
    return classifier


def test_two_candidates_learn_the_gap_between_them() -> None:
    past, held_out = two(600), two(300, seed=7)
    classifier = taught(past)
    assert classifier.heads["default", "test"].gap
    gaps = []
    for vector in held_out.vectors:
        found = asked(classifier, vector, "weak", "strong")
        gaps.append(found["strong"][0] - found["weak"][0])
    hard = held_out.vectors[:, 0] > 0
    assert np.mean(np.array(gaps)[hard]) > np.mean(np.array(gaps)[~hard]) + 0.1
    truth = held_out.scores[:, 1] - held_out.scores[:, 0]
    assert np.corrcoef(gaps, truth)[0, 1] > 0.4


def test_many_candidates_have_a_head_each() -> None:
    vectors = unit(800)
    rng = np.random.default_rng(1)
    odds = 1 / (1 + np.exp(-6 * vectors[:, :3]))  # each is good along an axis of its own
    classifier = taught(history((rng.random((800, 3)) < odds).astype(float), vectors))
    for own in range(3):
        along = np.zeros(12, np.float32)
        along[own] = 1.0
        found = asked(classifier, along, "m0", "m1", "m2")
        assert max(found, key=lambda name: found[name][0]) == f"m{own}"
        assert found[f"m{own}"][0] > 0.75


def test_shuffled_labels_teach_nothing_but_the_mean() -> None:
    past = two(600)
    order = np.random.default_rng(0).permutation(600)
    classifier = taught(replace(past, scores=past.scores[order]))
    spread = [asked(classifier, vector, "weak")["weak"][0] for vector in unit(200, seed=5)]
    fair = taught(past)
    honest = [asked(fair, vector, "weak")["weak"][0] for vector in unit(200, seed=5)]
    assert np.std(spread) < 0.07
    assert np.std(honest) > 2 * np.std(spread)
    assert np.mean(spread) == pytest.approx(past.scores[:, 0].mean(), abs=0.03)


def test_more_labels_make_it_surer_and_n_says_how_many() -> None:
    few, many = taught(two(60)), taught(two(600))
    vector = unit(1, seed=3)[0]
    assert asked(many, vector, "weak")["weak"][1] < asked(few, vector, "weak")["weak"][1]
    belief = many(TASK, [Candidate.single("weak")], Situation(vector=vector, space="test"))["weak"]
    assert (belief.n, belief.source, belief.remembered) == (600, "classifier", True)


def test_a_candidate_with_few_labels_or_none_gets_no_belief() -> None:
    past = two(200)
    scores = np.hstack([past.scores, np.full((200, 1), np.nan)])
    scores[: FEWEST - 1, 2] = 1.0
    names = ("weak", "strong", "new")
    past = replace(past, scores=scores, weights=np.where(np.isnan(scores), 0.0, 1.0), candidates=names)
    assert set(asked(taught(past), past.vectors[0], *names, "unheard")) == {"weak", "strong"}
    assert fit_heads(two(FEWEST - 1)) is None


def test_foreign_spaces_tenants_and_sizes_get_no_belief() -> None:
    classifier, one = taught(two(100)), [Candidate.single("weak")]
    vector = unit(1)[0]
    assert classifier(TASK, one, Situation(vector=vector, space="test"))
    assert not classifier(TASK, one, Situation(vector=vector, space="other"))
    assert not classifier(TASK, one, Situation(vector=vector, space="test", tenant="acme"))
    assert not classifier(TASK, one, Situation(vector=unit(1, 5)[0], space="test"))
    assert not classifier(TASK, one, Situation(space="test"))


def test_learning_anew_replaces_and_forgets() -> None:
    classifier = taught(two(100))
    classifier.learn(two(FEWEST - 1))
    assert classifier.heads == {}


def test_the_logistic_fit_is_the_penalised_maximum() -> None:
    """At the fit the gradient of the penalised log-likelihood is zero: the reweighting has converged."""
    rng = np.random.default_rng(2)
    z = np.hstack([np.ones((90, 1)), rng.normal(size=(90, 4))])
    scores, weights = rng.random(90), rng.choice([0.2, 1.0], 90)
    beta, covariance = logistic(z, scores, weights, 3.0)
    gradient = z.T @ (weights * (scores - 1 / (1 + np.exp(-z @ beta)))) - np.array([0.25, 3, 3, 3, 3]) * beta
    assert np.abs(gradient).max() < 1e-6
    assert np.all(np.linalg.eigvalsh(covariance) > 0)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 4), st.sampled_from([0.0, 0.5, 1.0]))
def test_beliefs_stay_in_range_on_one_sided_labels(seed: int, m: int, constant: float) -> None:
    vectors = unit(40, seed=seed)
    scores = np.full((40, m), constant)
    names = ("weak", "strong") if m == 2 else tuple(f"m{i}" for i in range(m))
    for quality, se in asked(taught(history(scores, vectors)), vectors[0], *names).values():
        assert 0 <= quality <= 1
        assert 0 < se < 1
        assert abs(quality - constant) < 0.2


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("classifier")
    save_classifier(taught(two(100)), folder)
    return folder


def test_what_was_saved_believes_the_same(saved: Path) -> None:
    before, after = taught(two(100)), load_classifier(saved, space="test")
    for vector in unit(5, seed=9):
        assert asked(after, vector, "weak", "strong") == asked(before, vector, "weak", "strong")
    assert json.loads((saved / "weights.json").read_text())["heads"][0]["n"] == [100, 100]


def described(change: Callable[[dict], None]) -> Callable[[Path], None]:  # type: ignore[type-arg]
    def damage(folder: Path) -> None:
        path = folder / "weights.json"
        about = json.loads(path.read_text())
        change(about)
        path.write_text(json.dumps(about))

    return damage


def flip(folder: Path) -> None:
    path = folder / "weights.npz"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (flip, "it was changed"),
        (lambda folder: (folder / "weights.npz").unlink(), "no classifier can be read"),
        (lambda folder: (folder / "weights.json").write_text("{"), "damaged"),
        (lambda folder: (folder / "weights.json").write_text("[]"), "damaged"),
        (described(lambda about: about.update(format=2)), "format 2, this version reads 1"),
        (described(lambda about: about.pop("sha256")), "damaged"),
        (described(lambda about: about["heads"][0].update(candidates=["weak"])), "do not fit 1 candidates"),
        (described(lambda about: about["heads"][0].update(n=[1, 2])), r"with n = \[1, 2\]"),
        (described(lambda about: about["heads"].append(about["heads"][0])), "damaged"),
        (described(lambda about: about["heads"][0].update(space="other")), "vector space 'other'"),
    ],
)
def test_a_file_that_is_not_what_it_says_is_refused(
    damage: Callable[[Path], None], said: str, saved: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(saved, folder)
    damage(folder)
    with pytest.raises(ConfigError, match=said):
        load_classifier(folder, space="test")


def test_numbers_that_are_not_finite_and_pickles_are_refused(tmp_path: Path) -> None:
    heads = fit_heads(two(100))
    assert isinstance(heads, Heads)
    save_classifier(Classifier([replace(heads, centre=np.full(12, np.nan))]), tmp_path)
    with pytest.raises(ConfigError, match="not finite"):
        load_classifier(tmp_path)
    save_classifier(Classifier([replace(heads, centre=np.array([print] * 12, dtype=object))]), tmp_path)
    with pytest.raises(ConfigError, match="damaged"):
        load_classifier(tmp_path)


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        save_classifier(Classifier(), tmp_path / "file")
