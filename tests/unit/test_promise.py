"""What a certificate makes of a decision: followed, it is proved; whatever else decides, it is not."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from orchestrator_graph.errors import RegistryError
from orchestrator_graph.nodes.features import read_features
from orchestrator_graph.policy import Policy
from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.registry.spec import ModelSpec, Price, Prior
from orchestrator_graph.routing.decide import decide
from orchestrator_graph.routing.guard import default_reference
from orchestrator_graph.routing.priors import priors
from orchestrator_graph.routing.promise import Promise
from orchestrator_graph.routing.rules import parse_rules
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.types import Decision
from tests.promised import HandGate

CHEAP = ModelSpec("test:cheap", price=Price(0.1, 0.1), priors={"*": Prior(0.8, 50, "test")})
MID = ModelSpec("test:mid", price=Price(1, 1), priors={"*": Prior(0.85, 50, "test")})
DEAR = ModelSpec("test:dear", price=Price(10, 10), priors={"*": Prior(0.9, 50, "test")})
POOL = Portfolio([CHEAP, MID, DEAR])
TASK = read_features("Who wrote Faust?")
HERE = Situation(space="s", vector=np.ones(2, np.float32))


def promise(gate: Any = None, **fields: Any) -> Promise:
    return Promise("ab" * 16, gate or HandGate(), 0.02, 0.95, 400, **fields)


def decided(
    given: Promise, policy: Policy | None = None, now: Situation = HERE, pool: Portfolio = POOL, rules: Any = None
) -> Decision:
    """As the router does it."""
    policy = given.over(policy or Policy())
    now = replace(now, promised=given.told(policy, now, TASK))
    estimators = (parse_rules(rules, "x.toml"), priors) if rules else (priors,)
    return decide("1", TASK, pool, policy, now, estimators)


def first(decision: Decision) -> str:
    return decision.ranking[0].candidate.id


def test_a_decision_that_follows_is_proved_and_the_reference_is_next() -> None:
    decision = decided(promise())
    assert [e.candidate.id for e in decision.ranking] == ["test:cheap", "test:dear", "test:mid"]
    assert (decision.proved, decision.certificate) == (True, "ab" * 16)
    said = "proved: at most 2 points below test:dear with 95 % (certificate abababab, n=400)"
    assert decision.why.startswith(said)
    assert decision.propensities == {"test:cheap": 1.0}


def test_outside_the_domain_the_reference_answers_and_loses_nothing() -> None:
    decision = decided(promise(HandGate(inside=False)))
    assert (first(decision), decision.proved) == ("test:dear", True)
    assert "outside the domain of certificate abababab" in decision.why


def test_a_suspended_one_leaves_the_reference_and_says_why() -> None:
    decision = decided(promise(suspended="2 points were lost"))
    assert (first(decision), decision.proved, decision.certificate) == ("test:dear", False, "")
    assert "certificate abababab is suspended: 2 points were lost: the reference model answers" in decision.why


@pytest.mark.parametrize(
    ("policy", "now", "chosen"),
    [
        (Policy(pin="test:cheap"), HERE, "test:cheap"),
        (Policy(deny=["test:cheap"]), HERE, "test:dear"),
        (Policy(deny=["test:dear"]), HERE, "test:mid"),
        (Policy(reference="test:mid"), HERE, "test:mid"),
        (Policy(max_quality_loss=0.01), HERE, "test:dear"),
        (Policy(), replace(HERE, space="other"), "test:dear"),
        (Policy(), replace(HERE, vector=None), "test:dear"),
        (Policy(), replace(HERE, sticky="test:cheap"), "test:dear"),
        (Policy(), replace(HERE, healthy={"test:cheap": False}), "test:dear"),
        (Policy(guard="prior", tradeoff=1.0), HERE, "test:dear"),
        (Policy(strategy="cascade"), HERE, "test:cheap"),
        (Policy(strategy="best_of_n"), HERE, "best_of_3(test:dear)"),
    ],
)
def test_whatever_else_decides_proves_nothing(policy: Policy, now: Situation, chosen: str) -> None:
    decision = decided(promise(), policy, now)
    assert (first(decision), decision.proved, decision.certificate) == (chosen, False, "")
    assert "proved:" not in decision.why


def test_a_rule_that_pins_proves_nothing_even_where_it_agrees() -> None:
    rules = [{"name": "always", "when": {"task_type": TASK.task_type}, "pin": "test:cheap"}]
    assert not decided(promise(), rules=rules).proved


def test_pictures_and_files_are_not_promised_anything_about() -> None:
    told = promise().told(Policy(guard="strict"), HERE, replace(TASK, needs=("vision",)))
    assert told is not None
    assert told.barred == "for text alone, and this task needs vision"


def test_dear_choices_that_are_used_up_prove_nothing() -> None:
    decision = decided(promise(HandGate(inside=False)), Policy(dear_per_hour=0))
    assert (first(decision) == "test:dear", decision.proved) == (False, False)


@pytest.mark.parametrize(
    "policy", [Policy(explore=0.5, max_regret=1.0), Policy(canary={"test:mid": 1.0}), Policy(trial={"share": 1.0})]
)
def test_chance_has_no_hand_in_what_is_proved(policy: Policy) -> None:
    for _ in range(10):
        decision = decided(promise(), policy)
        assert (first(decision), decision.proved) == ("test:cheap", True)


def test_a_stricter_wish_is_not_met_and_a_laxer_one_is() -> None:
    assert decided(promise(), Policy(max_quality_loss=0.05)).proved
    assert "for 2 points, and at most 1 are wanted" in decided(promise(), Policy(max_quality_loss=0.01)).why


def test_the_default_reference_is_the_best_prior_over_the_tasks() -> None:
    clever = replace(CHEAP, priors={"*": Prior(0.1, 50, "test"), "maths": Prior(0.99, 50, "test")})
    pool = Portfolio([clever, MID, DEAR])
    assert default_reference(pool, Policy(), ["qa"] * 9 + ["maths"]) == "test:dear"
    assert default_reference(pool, Policy(), ["maths"]) == "test:cheap"
    assert default_reference(pool, Policy(reference="test:mid"), []) == "test:mid"
    with pytest.raises(RegistryError, match="reference = 'x:y' is not in the portfolio; known: test:cheap"):
        default_reference(pool, Policy(reference="x:y"), [])
    with pytest.raises(RegistryError, match="no model in the portfolio"):
        default_reference(Portfolio([]), Policy(), [])
