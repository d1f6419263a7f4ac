"""A user's mistake in the policy is named: field, value, way out."""

import pytest

from orchestrator_graph.errors import PolicyError
from orchestrator_graph.policy import Policy


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"max_cost_usd": -1}, ["policy.max_cost_usd = -1", "greater than or equal to 0", "US dollars"]),
        ({"max_cost_usd": 1e308}, ["policy.max_cost_usd = 1e+308", "less than or equal to"]),
        ({"trial": {"share": []}}, ["policy.trial = ", "give share from 0 to 1"]),
        ({"trial": {"tradeoff": 1}}, ["policy.trial = ", "give share from 0 to 1"]),
        ({"deadline_s": 0}, ["policy.deadline_s = 0", "greater than 0", "Seconds"]),
        ({"deadline_s": -3}, ["policy.deadline_s = -3"]),
        ({"tradeof": "best"}, ["policy.tradeof: unknown field", "tradeoff"]),
        ({"tradeoff": "bestest"}, ["policy.tradeoff = 'bestest'", "cheap, balanced, best"]),
        ({"min_confidence": {"maths": 2}}, ["policy.min_confidence", "2.0 is not a probability"]),
        ({"strategy": "magic"}, ["policy.strategy = 'magic'", "'cascade'"]),
        ({"tenant": "a b"}, ["policy.tenant = 'a b'"]),
    ],
)
def test_mistakes_are_named(fields: dict[str, object], words: list[str]) -> None:
    with pytest.raises(PolicyError) as caught:
        Policy.parse(fields)
    for word in words:
        assert word in str(caught.value)


def test_parse_refuses_what_is_no_policy() -> None:
    with pytest.raises(PolicyError, match="give a Policy or a dict"):
        Policy.parse("cheap")


def test_only_explicit_fields_are_laid_over() -> None:
    factory = Policy(private=True, max_cost_usd=0.1)
    both = factory.overlaid(Policy(tradeoff="best"))
    assert (both.private, both.max_cost_usd, both.tradeoff) == (True, 0.1, 1.0)


def test_every_field_is_described() -> None:
    properties = Policy.model_json_schema()["properties"]
    assert [name for name, schema in properties.items() if not schema.get("description")] == []


def test_fingerprint_ignores_who_asks() -> None:
    assert Policy(user_id="a").fingerprint() == Policy(user_id="b").fingerprint()
    assert Policy(tradeoff="best").fingerprint() != Policy().fingerprint()
