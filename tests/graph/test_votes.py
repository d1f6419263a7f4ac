"""Whose outcomes count for whom, how much old ones count, and whose words are shown to whom."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from orchestrator_graph import ModelSpec, Orchestrator
from orchestrator_graph.memory import Memory
from orchestrator_graph.types import to_json
from tests.graph.remembered import Past, decided, remembered
from tests.graph.support import model, orchestrated, run

SUMS = [f"Multiply {a} by {b}" for a in range(3, 9) for b in range(11, 21)]
NEW = "Multiply 17 by 23"
RIGHT, WRONG = {"test:a": 1.0, "test:b": 0.0}, {"test:a": 0.0, "test:b": 1.0}


def pool() -> list[ModelSpec]:
    """By their priors `b` is a little better."""
    return [model("a", "391", quality=0.79), model("b", "391", quality=0.8)]


def chosen(orc: Orchestrator, mode: str, **policy: Any) -> str:
    """Who is chosen, by the advice and by a run."""
    name = decided(orc, mode, NEW, **policy).ranking[0].candidate.id
    assert run(orc, mode, NEW, policy)["results"]["1"]["candidate"] == name  # type: ignore[arg-type]
    return name


def test_ones_own_outcomes_count_fully_and_another_account_is_one_vote(mode: str) -> None:
    own = [Past(text, RIGHT, "ann") for text in SUMS[:4]]
    flood = [Past(text, WRONG, "eve") for text in SUMS[4:8]]
    with orchestrated(*pool()) as orc:
        remembered(orc.memory, [*own, *flood])
        assert chosen(orc, mode, user_id="ann") == "test:a"
        assert chosen(orc, mode, user_id="eve") == "test:b"


def test_a_newcomer_hears_one_voice_per_account(mode: str) -> None:
    few = [Past(text, RIGHT, user) for user, text in zip(("ann", "bob", "cid"), SUMS, strict=False)]
    flood = [Past(text, WRONG, "eve") for text in SUMS[3:8]]
    with orchestrated(*pool()) as orc:
        remembered(orc.memory, [*few, *flood])
        assert chosen(orc, mode, user_id="zoe") == "test:a"


def test_a_busy_user_is_judged_by_own_outcomes_alone(mode: str) -> None:
    own = [Past(text, RIGHT, "ann") for text in SUMS[:52]]
    others = [Past(text, WRONG, user) for user in ("bob", "cid", "dan", "eve") for text in SUMS[:20]]
    with orchestrated(*pool()) as orc:
        remembered(orc.memory, [*own, *others])
        assert chosen(orc, mode, user_id="ann") == "test:a"
        assert chosen(orc, mode, user_id="zoe") == "test:b"


def test_what_nobody_judged_is_quoted_as_nothing(mode: str) -> None:
    with orchestrated(model("a", "Goethe")) as orc:
        run(orc, mode, "Who wrote Faust?")
        decision = decided(orc, mode, "Who wrote Faust?")
    assert [near.similarity for near in decision.neighbours] == [pytest.approx(1.0)]
    assert decision.why.endswith("(similarity 1.00): not judged")
    assert (decision.ranking[0].source, decision.ranking[0].n) == ("prior: test", 50)


def shown(orc: Orchestrator, mode: str, **policy: Any) -> list[str]:
    """All that a user gets to see of a decision and of a run."""
    decision, out = decided(orc, mode, NEW, **policy), run(orc, mode, NEW, policy)  # type: ignore[arg-type]
    assert decision.neighbours
    assert out["results"]["1"]["decision"]["neighbours"]
    return [decision.why, json.dumps(to_json(decision)), json.dumps(out, default=str)]


def test_other_users_words_are_never_shown(mode: str) -> None:
    with orchestrated(*pool()) as orc:
        remembered(orc.memory, [Past(f"{text} for Zarathustra", RIGHT, "ann") for text in SUMS[:9]])
        assert not any("Zarathustra" in words for words in shown(orc, mode, user_id="bob"))
        assert all("Zarathustra" in words for words in shown(orc, mode, user_id="ann")[1:])


def test_private_words_are_shown_to_nobody(mode: str) -> None:
    with orchestrated(*pool()) as orc:
        remembered(orc.memory, [Past(f"{text} for Zarathustra", RIGHT, "ann", private=True) for text in SUMS[:9]])
        assert not any("Zarathustra" in words for words in shown(orc, mode, user_id="ann"))
        assert chosen(orc, mode, user_id="ann") == "test:a"  # what they taught counts


@pytest.mark.parametrize(("half_life_days", "name"), [(math.inf, "test:a"), (10.0, "test:b")])
def test_old_outcomes_count_less(tmp_path: Path, mode: str, half_life_days: float, name: str) -> None:
    old = [Past(text, RIGHT, age_days=100) for text in SUMS[:40]]
    fresh = [Past(text, WRONG) for text in SUMS[40:60]]
    memory = Memory(tmp_path, index="none", half_life_days=half_life_days)
    with orchestrated(*pool(), memory=memory) as orc:
        remembered(memory, [*old, *fresh])
        assert chosen(orc, mode) == name


def test_older_tasks_that_are_imported_later_still_came_before(mode: str) -> None:
    old = [Past(text, {"test:a": 1.0, "test:b": 0.6}, age_days=2 - i / 100) for i, text in enumerate(SUMS)]
    new = [Past(text, {"test:a": 0.0, "test:b": 0.6}, age_days=1 - i / 100) for i, text in enumerate(SUMS[::3])]
    with orchestrated(*pool()) as orc:
        remembered(orc.memory, new)
        remembered(orc.memory, old)
        assert chosen(orc, mode) == "test:b"


def test_after_a_change_for_the_worse_what_came_before_counts_little(mode: str) -> None:
    good = [Past(text, {"test:a": 1.0, "test:b": 0.6}, age_days=2 - i / 100) for i, text in enumerate(SUMS)]
    bad = [Past(text, {"test:a": 0.0, "test:b": 0.6}, age_days=1 - i / 100) for i, text in enumerate(SUMS[::3])]
    with orchestrated(*pool()) as orc:
        remembered(orc.memory, good)
        assert chosen(orc, mode) == "test:a"
        remembered(orc.memory, bad)
        assert sum(p.scores["test:a"] for p in [*good, *bad]) / 80 > 0.7  # by the plain mean it still leads
        assert chosen(orc, mode) == "test:b"
