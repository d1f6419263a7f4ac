"""The strict guard leaves the reference only where pairs prove it, and never gets stuck on an empty memory."""

import gc
import random
import weakref
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from orchestrator_graph import Orchestrator
from orchestrator_graph.errors import NoCandidateError, PolicyError
from orchestrator_graph.nodes.features import read_features
from orchestrator_graph.policy import Policy
from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.registry.spec import ModelSpec, Price, Prior
from orchestrator_graph.routing.decide import decide
from orchestrator_graph.routing.estimator import Belief
from orchestrator_graph.routing.guard import Paired, Pairs, paired
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.types import Candidate, Features
from orchestrator_graph.types.history import History

CHEAP = ModelSpec("test:cheap", price=Price(0.1, 0.1), priors={"*": Prior(0.8, 50, "test")})
DEAR = ModelSpec("test:dear", price=Price(10, 10), priors={"*": Prior(0.9, 50, "test")})
POOL = Portfolio([CHEAP, DEAR])
TASK = read_features("Who wrote Faust?")
STRICT = Policy(guard="strict", tradeoff="cheap")


def history(cheap: np.ndarray, dear: np.ndarray, *, task_type: str = "qa", weight: float = 1.0) -> History:
    n = len(cheap)
    return History(
        vectors=np.ones((n, 1), np.float32),
        scores=np.column_stack([cheap, dear]).astype(float),
        weights=np.full((n, 2), weight),
        candidates=("test:cheap", "test:dear"),
        task_types=(task_type,) * n,
        users=("",) * n,
        times=np.arange(n, dtype=float),
        space="s",
    )


def choice(pairs: Pairs | None, policy: Policy = STRICT) -> tuple[str, str]:
    decision = decide("1", TASK, POOL, policy, Situation(space="s", pairs=pairs))
    assert not decision.proved
    return decision.ranking[0].candidate.id, decision.why


def taught(*histories: History) -> Pairs:
    pairs = Pairs()
    for item in histories:
        pairs.learn(item)
    return pairs


@pytest.mark.parametrize("pairs", [None, Pairs()])
def test_with_nothing_remembered_the_reference_answers(pairs: Pairs | None) -> None:
    name, why = choice(pairs)
    assert name == "test:dear"
    assert "no paired test" in why


def test_a_run_with_an_empty_memory_is_answered_under_the_strict_guard() -> None:
    with Orchestrator("pocket", policy={"guard": "strict"}) as orchestrator:
        out = orchestrator.run("Add 47 and 38")
    assert [result["status"] for result in out["results"].values()] == ["accepted"]


def test_enough_equal_pairs_let_the_cheaper_one_in() -> None:
    right = np.ones(300)
    name, why = choice(taught(history(right, right)))
    assert name == "test:cheap"
    assert "300 pairs" in why
    assert "2 points below test:dear" in why


def test_too_few_pairs_do_not() -> None:
    name, why = choice(taught(history(np.ones(100), np.ones(100))))
    assert name == "test:dear"
    assert "100 pairs seen" in why


def test_a_candidate_that_loses_too_much_stays_out_however_many_pairs_there_are() -> None:
    cheap = np.ones(3000)
    cheap[::20] = 0
    assert choice(taught(history(cheap, np.ones(3000))))[0] == "test:dear"
    assert (
        choice(taught(history(cheap, np.ones(3000))), STRICT.overlaid(Policy(max_quality_loss=0.1)))[0] == "test:cheap"
    )


def test_labels_that_rest_on_our_own_confidence_make_no_pairs() -> None:
    right = np.ones(300)
    assert choice(taught(history(right, right, weight=0.5)))[0] == "test:dear"


def test_a_named_reference_is_what_one_is_measured_against() -> None:
    assert choice(None, STRICT.overlaid(Policy(reference="test:cheap")))[0] == "test:cheap"


def test_pairs_of_other_types_of_tasks_prove_nothing() -> None:
    both = history(np.r_[np.zeros(30), np.ones(3000)], np.ones(3030))
    mixed = replace(both, task_types=("qa",) * 30 + ("maths",) * 3000)
    pairs, now = taught(mixed), Situation(space="s")
    assert pairs.compare(now, "qa", "test:dear", "test:cheap", 0.02) == Paired(30, 1.0)
    assert pairs.compare(now, "maths", "test:dear", "test:cheap", 0.02).p < 0.05
    assert pairs.compare(now, "writing", "test:dear", "test:cheap", 0.02) == Paired()
    assert choice(pairs)[0] == "test:dear"


def test_of_the_history_only_what_pairs_are_made_of_is_kept() -> None:
    past = history(np.ones(3), np.ones(3))
    kept, pairs = weakref.ref(past.vectors), taught(past)
    del past
    gc.collect()
    assert kept() is None
    assert pairs.compare(Situation(space="s"), "qa", "test:dear", "test:cheap", 0.02).n == 3


def test_other_tenants_and_other_vector_spaces_prove_nothing() -> None:
    pairs = taught(history(np.ones(300), np.ones(300)))
    assert pairs.compare(Situation(space="other"), "qa", "test:dear", "test:cheap", 0.02) == Paired()
    assert pairs.compare(Situation(space="s", tenant="b"), "qa", "test:dear", "test:cheap", 0.02) == Paired()


def test_what_is_learnt_anew_replaces_what_was_known() -> None:
    pairs = taught(history(np.ones(300), np.ones(300)))
    assert choice(pairs)[0] == "test:cheap"
    pairs.learn(history(np.zeros(300), np.ones(300)))
    assert choice(pairs)[0] == "test:dear"


@pytest.mark.parametrize(("disagree", "n"), [(0.02, 200), (0.1, 500), (0.4, 2000), (1.0, 2000)])
def test_the_test_is_wrong_in_at_most_one_of_twenty_even_when_looked_at_again_and_again(
    disagree: float, n: int
) -> None:
    """True loss = what is allowed; looked at about twenty times."""
    rng, wrong, runs = np.random.default_rng(5), 0, 120
    for _ in range(runs):
        drawn = rng.random(n)
        losses = np.where(drawn < (disagree + 0.02) / 2, 1.0, np.where(drawn < disagree, -1.0, 0.0))
        wrong += any(paired(losses[:k], 0.02).p <= 0.05 for k in range(10, n + 1, max(10, n // 20)))
    assert wrong / runs <= 0.05 + 2 * (0.05 * 0.95 / runs) ** 0.5


@pytest.mark.parametrize(
    "policy",
    [
        Policy(explore=0.5, max_regret=1.0),
        Policy(canary={"test:cheap": 1.0}),
        Policy(trial={"share": 1.0, "guard": "prior", "tradeoff": 0.0}),
        Policy(strategy="cascade"),
    ],
)
def test_nothing_unproven_is_let_in_by_chance_or_a_cascade(policy: Policy) -> None:
    for seed in range(20):
        decision = decide("1", TASK, POOL, STRICT.overlaid(policy), Situation(), rng=random.Random(seed))
        assert decision.ranking[0].candidate.id == "test:dear"
        assert decision.propensities == {"test:dear": 1.0}
        assert "strict guard" in decision.why


def flattering(features: Features, candidates: Sequence[Candidate], now: Situation) -> dict[str, Belief]:
    """A memory that thinks the world of the cheap one."""
    good = {"test:cheap": 1.0, "test:mid": 0.5, "test:dear": 0.0}
    return {c.id: Belief(good[c.members[0].model], 0.01, 900, "memory", remembered=True) for c in candidates}


@pytest.mark.parametrize("policy", [STRICT, STRICT.overlaid(Policy(fault_tolerance="low"))])
def test_no_memory_moves_the_reference(policy: Policy) -> None:
    longwinded = Situation(appetites={("test:cheap", "qa"): (9e6, 900)})
    for pool in (POOL, Portfolio([CHEAP, replace(DEAR, priors=CHEAP.priors)])):  # of equals the dearer one
        decision = decide("1", TASK, pool, policy, longwinded, [flattering])
        assert decision.ranking[0].candidate.id == "test:dear"


def test_where_the_reference_may_not_be_asked_another_stands_in_by_the_same_rule() -> None:
    mid = ModelSpec("test:mid", price=Price(1, 1), priors={"*": Prior(0.85, 50, "test")})
    policy = STRICT.overlaid(Policy(reference="test:dear", deny=["test:dear"]))
    decision = decide("1", TASK, Portfolio([CHEAP, mid, DEAR]), policy, Situation(), [flattering])
    assert decision.ranking[0].candidate.id == "test:mid"
    assert "test:mid stands in for test:dear" in decision.why


def test_what_the_strict_guard_cannot_keep_is_refused() -> None:
    with Orchestrator("pocket", policy={"guard": "strict"}) as orchestrator:
        with pytest.raises(PolicyError, match=r"guard = 'strict' and policy\.strategy = 'cascade'"):
            orchestrator.decide("Add 47 and 38", {"strategy": "cascade"})
        for policy in ({"reference": "pocket:nobody"}, {"trial": {"share": 0.1, "reference": "pocket:nobody"}}):
            with pytest.raises(NoCandidateError, match="reference = 'pocket:nobody' is not in the portfolio; known"):
                orchestrator.decide("Add 47 and 38", policy)
