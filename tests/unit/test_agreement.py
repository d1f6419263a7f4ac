"""Families, learnt collisions, what they make of agreement, and how far several answers scatter."""

import numpy as np
import pytest

from orchestrator_graph.confidence.agreement import Collisions, Voice, comparable, family, posterior
from orchestrator_graph.confidence.consistency import clusters, entropy
from orchestrator_graph.confidence.normalise import fingerprint
from orchestrator_graph.types.history import History


@pytest.mark.parametrize(
    ("model", "kin"),
    [
        ("ollama:qwen3:4b", "qwen"),
        ("openai:gpt-5-mini@low", "gpt"),
        ("openai:o3", "gpt"),
        ("claude-3-5-sonnet-20240620", "claude"),
        ("groq:meta-llama/Llama-3.1-8B", "llama"),
        ("Mixtral-8x7B", "mistral"),
        ("gemma-2-9b-it", "gemma"),
        ("gemini-1.5-pro", "gemini"),
        ("ollama:dolphin-x:7b", "dolphin"),
        ("test:alpha", "alpha"),
    ],
)
def test_families(model: str, kin: str) -> None:
    assert family(model) == kin


def test_two_voices_as_in_the_formula() -> None:
    p, q, c = 0.7, 0.6, 0.3
    agree = posterior([Voice("a", "4", p), Voice("b", "4", q)], lambda *_: c)
    assert agree == {"4": pytest.approx(p * q / (p * q + c * (1 - p) * (1 - q)))}
    differ = posterior([Voice("a", "4", p), Voice("b", "5", q)], lambda *_: c)
    total = p * (1 - q) + q * (1 - p) + (1 - p) * (1 - q) * (1 - c)
    assert differ == {"4": pytest.approx(p * (1 - q) / total), "5": pytest.approx(q * (1 - p) / total)}


def test_a_copy_adds_nothing_and_a_relative_little() -> None:
    def believed(rate: float) -> float:
        return posterior([Voice("a", "4", 0.6), Voice("b", "4", 0.6)], lambda *_: rate)["4"]

    assert believed(0.1) > believed(0.5) > believed(0.9) > 0.6
    assert believed(1.0) < 0.7  # p/(1-p) = 1.5: what is surely copied still is weak evidence


def test_nobody_and_nothing_comparable() -> None:
    assert posterior([], lambda *_: 0.2) == posterior([Voice("a", "", 0.9)], lambda *_: 0.2) == {}
    voices = [Voice("a", "x", 0.5), Voice("b", "y", 0.5), Voice("c", "", 0.5)]
    assert len(comparable(voices, "x", "number")) == 2
    assert len(comparable(voices, "x", "text")) == 1


@pytest.mark.parametrize(("probability", "rate"), [(float("nan"), 0.2), (1.2, 0.2), (0.5, -0.1), (0.5, float("nan"))])
def test_unreal_numbers_are_refused(probability: float, rate: float) -> None:
    with pytest.raises(ValueError, match=r"is not in \[0, 1\]"):
        posterior([Voice("a", "x", probability), Voice("b", "x", 0.5)], lambda *_: rate)


def history(same: float, weight: float = 1.0, n: int = 400) -> History:
    """Three models that are always wrong; gpt-a and gpt-b say the same in a share of the tasks, qwen never."""
    together = np.random.default_rng(0).random(n) < same
    keys = [[i, i if together[i] else i + n, i + 2 * n, i] for i in range(n)]
    said = np.array([[fingerprint(str(key), "number") for key in row] for row in keys])
    return History(
        np.zeros((n, 2), np.float32), np.zeros((n, 4)), np.full((n, 4), weight),
        ("gpt-a", "gpt-b", "qwen", "consensus(gpt-a, qwen)"), ("sum",) * n, ("",) * n, np.zeros(n), said=said,
    )  # fmt: skip


def test_collisions_are_learnt_from_trusted_labels() -> None:
    collisions = Collisions()
    before = collisions.rate("gpt-a", "gpt-b", "number")
    collisions.learn(history(0.8))
    assert collisions.rate("gpt-a", "gpt-b", "number", task_type="sum") == pytest.approx(0.8, abs=0.05)
    assert collisions.rate("gpt-a", "qwen", "number") < 0.05
    assert collisions.rate("gpt-a", "gpt-b", "word") == Collisions().rate("gpt-a", "gpt-b", "word")
    assert collisions.rate("gpt-a", "gpt-b", "number", tenant="other") == before
    collisions.learn(history(0.8, weight=0.5))
    assert collisions.rate("gpt-a", "gpt-b", "number") == before


def test_relatives_collide_no_less_than_strangers_and_wrong_yes_or_no_always_do() -> None:
    collisions = Collisions()
    for form in ("number", "choice", "word", "json", "code", "text"):
        across, within = collisions.rate("gpt-a", "qwen", form), collisions.rate("gpt-a", "gpt-b", form)
        assert across <= within <= collisions.rate("gpt-a", "gpt-a", form)
    assert collisions.rate("gpt-a", "qwen", "yes_no") > 0.95
    collisions.learn(History.empty("default", ""))
    assert collisions.rate("gpt-a", "qwen", "number") == Collisions().rate("gpt-a", "qwen", "number")


def test_free_text_clusters_by_meaning_whatever_the_order() -> None:
    texts, vectors = ["a", "b", "c", "d"], np.array([[1, 0], [0.9, 0.44], [0.62, 0.78], [0, -1]])
    assert clusters(texts, "text", vectors.tolist(), 0.85) == (0, 0, 0, 1)
    assert clusters(texts[::-1], "text", vectors[::-1].tolist(), 0.85) == (0, 1, 1, 1)
    assert clusters(texts) == (0, 1, 2, 3)
    assert clusters(["4", "5", "4.0"], "number", vectors[:3].tolist()) == (0, 1, 0)
    with pytest.raises(ValueError, match="3 vectors for 4 texts"):
        clusters(texts, "text", vectors[:3].tolist())


def test_entropy_grows_with_scatter() -> None:
    values = [entropy(labels) for labels in ([0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 1], [0, 0, 1, 2], [0, 1, 2, 3])]
    assert values == sorted(values)
    assert (values[0], values[-1], entropy([0])) == (0.0, 1.0, 0.0)
