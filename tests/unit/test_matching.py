"""What a rule's `when` matches, and that no regular expression in it can hang."""

import time
from typing import Any

import pytest

from orchestrator_graph.policy import Policy
from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.registry.spec import ModelSpec, Prior
from orchestrator_graph.routing.matching import TEXT_CHARS, safe_pattern
from orchestrator_graph.routing.rules import Rule, Rules
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.types import Features

SMALL, LARGE, HOME = "openai:small", "openai:large", "ollama:home"
POOL = Portfolio(
    [
        ModelSpec(SMALL, tiers=frozenset({"cheap"})),
        ModelSpec(LARGE),
        ModelSpec(HOME, priors={"*": Prior(0.6, 30, "test")}),
    ]
)
NOW = Situation(portfolio=POOL)
LAW = Features(
    "Summarise the contract of Mr Smith",
    "summary",
    "law",
    "en",
    400,
    0.7,
    "text",
    signals={"code": False, "pii": ["email"]},
)


def applied(*rules: Rule, policy: Policy | None = None, now: Situation = NOW) -> tuple[Policy, tuple[str, ...]]:
    return Rules(rules).apply(LAW, policy or Policy(), now)


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        ({}, True),
        ({"task_type": "summary"}, True),
        ({"task_type": ["maths", "code"]}, False),
        ({"domain": "law", "language": ["en", "de"], "expects": "text"}, True),
        ({"tokens": {"min": 300}, "difficulty": {"min": 0.5, "max": 0.9}}, True),
        ({"tokens": {"max": 300}}, False),
        ({"words": ["contract", "lease"]}, True),
        ({"words": "contrac"}, False),
        ({"regex": r"\bmr \w{1,20}$"}, True),
        ({"signals": {"code": False, "pii": "email"}}, True),
        ({"signals": {"code": True}}, False),
        ({"signals": {"unheard_of": True}}, False),
        ({"user_id": "ann", "tenant": ["acme"]}, True),
        ({"user_id": "bob"}, False),
        ({"private": False}, True),
        ({"needs": "tools"}, False),
        (lambda features: features.tokens == 400, True),
    ],
)
def test_a_rule_matches_on_signals(when: Any, holds: bool) -> None:
    now = Situation(portfolio=POOL, user_id="ann", tenant="acme")
    assert (applied(Rule(when, deny=LARGE), now=now)[0].deny == [LARGE]) is holds


SAFE = [r"a.*b", r"\w{1,40}@\w{1,40}", r"(foo|bar)+", r"(\w++\s)+x", r"^invoice \d{4,8}\b", r"(,\d{3})*$", r"(\d+)?x"]
DEADLY = [
    r"(a+)+$",
    r"(a|aa)+$",
    r"(a?){50}a{50}",
    r"(x+x+)+y",
    r"a*a*a*b",
    r"((a{0,9}){0,9}){0,9}b",
    r"(?:(?=(a+)+)b)*",
]


@pytest.mark.parametrize("pattern", SAFE)
def test_a_regex_that_is_taken_is_quick_on_the_worst_text(pattern: str) -> None:
    compiled = safe_pattern(pattern)
    for text in ("a" * TEXT_CHARS, "1," * TEXT_CHARS, "a b" * TEXT_CHARS, "foo" * TEXT_CHARS):
        began = time.process_time()
        compiled.search(text, 0, TEXT_CHARS)
        assert time.process_time() - began < 1


@pytest.mark.parametrize("pattern", DEADLY)
def test_a_regex_that_could_hang_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="could take very long"):
        safe_pattern(pattern)
