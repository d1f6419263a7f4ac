"""Rules overlay a policy without ever loosening it, prefer as a belief, and every mistake in them says where it is."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_graph.errors import ConfigError
from orchestrator_graph.policy import Policy
from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.registry.spec import ModelSpec, Prior
from orchestrator_graph.routing.constraints import feasible
from orchestrator_graph.routing.rules import Rule, Rules, parse_rules
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.types import Candidate, Features
from tests.property.worlds import NAMES, policies, portfolios, tasks

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


def test_what_rules_did_is_said_and_only_what_they_did() -> None:
    rules = (
        Rule({"domain": "law"}, pin=LARGE, name="law"),
        Rule({"task_type": "maths"}, deny="*", name="idle"),
        Rule(deny="openai:sm*", floor=0.8, name="careful"),
    )
    policy, said = applied(*rules)
    assert (policy.pin, policy.deny, policy.min_quality) == (LARGE, ["openai:sm*"], 0.8)
    assert said == ("rule careful denies openai:sm*", "rule careful asks for quality 0.8", f"rule law pins {LARGE}")
    assert applied(Rule({"task_type": "maths"}, pin=LARGE)) == (Policy(), ())


@pytest.mark.parametrize(
    ("policy", "now", "why"),
    [
        (Policy(pin=HOME), NOW, "the policy pins a model itself"),
        (Policy(deny=["openai:*"]), NOW, "it is denied"),
        (Policy(allow=["ollama:*"]), NOW, "it is denied"),
        (Policy(tier="cheap"), NOW, "it is not of tier cheap"),
        (Policy(), Situation(private=True, portfolio=POOL), "the text is private"),
        (Policy(), Situation(portfolio=Portfolio([POOL[HOME]])), "there is no such model"),
    ],
)
def test_a_pin_yields_to_the_caller_and_says_so(policy: Policy, now: Situation, why: str) -> None:
    assert applied(Rule(pin=LARGE), policy=policy, now=now) == (policy, (f"rule 1 pins {LARGE} in vain ({why})",))


def test_the_next_possible_pin_counts_and_denials_come_first() -> None:
    policy, said = applied(Rule(pin=LARGE), Rule(pin=SMALL), Rule(pin=HOME), Rule(deny=LARGE))
    assert policy.pin == SMALL
    assert said[1:] == (f"rule 1 pins {LARGE} in vain (it is denied)", f"rule 2 pins {SMALL}")


def test_the_highest_floor_counts_and_never_lowers_the_callers() -> None:
    floors = [Rule(floor=0.7), Rule(floor=0.9), Rule(floor=0.8)]
    assert applied(*floors)[0].min_quality == 0.9
    assert applied(*floors, policy=Policy(min_quality=0.95)) == (Policy(min_quality=0.95), ())
    assert applied(Rule(floor=0.0))[0].min_quality == 0.0


def test_an_overlaid_policy_has_a_fingerprint_of_its_own() -> None:
    policy = Policy(tradeoff=0.2)
    before = policy.fingerprint()
    assert applied(Rule(deny=LARGE), policy=policy)[0].fingerprint() != before
    assert applied(Rule(deny=LARGE), policy=policy)[0].tradeoff == 0.2


PATTERNS = st.sampled_from([*NAMES, "openai:*", "*"])
RULES = st.builds(
    Rule,
    st.sampled_from([{}, {"task_type": "maths"}, {"tokens": {"max": 5}}, {"words": "essay"}]),
    st.none() | st.sampled_from(NAMES),
    st.lists(PATTERNS, max_size=2),
    st.lists(PATTERNS, max_size=2),
    st.floats(0, 1),
)


@given(tasks(), portfolios, policies, st.lists(RULES, max_size=4), st.booleans())
def test_rules_never_allow_what_the_caller_excluded(task, portfolio, policy, rules, private):
    now = Situation(portfolio=portfolio, private=private)
    stricter, said = Rules(rules).apply(task, policy, now)
    before = {spec.id for spec in feasible(portfolio, task, policy, now)[0]}
    assert {spec.id for spec in feasible(portfolio, task, stricter, now)[0]} <= before
    assert (stricter.min_quality or 0) >= (policy.min_quality or 0)
    changed = stricter.model_dump() != policy.model_dump()
    assert not changed or said


def test_a_preference_is_a_belief_with_n_and_source_that_evidence_outweighs() -> None:
    rules = Rules(
        [Rule({"domain": "law"}, prefer="openai:*", name="law"), Rule(prefer=[SMALL], weight=10, name="thrift")]
    )
    asked = [Candidate.single(SMALL), Candidate.single(LARGE, "high"), Candidate.single(HOME)]
    beliefs = rules(LAW, asked, NOW)
    assert {name: (b.n, b.source) for name, b in beliefs.items()} == {
        SMALL: (15, "rules: law, thrift"),
        f"{LARGE}@high": (5, "rules: law"),
    }
    assert beliefs[SMALL].se < beliefs[f"{LARGE}@high"].se
    assert rules(Features("1+1", domain="general"), [Candidate.single(LARGE)], NOW) == {}


GOOD = """\
models = ["ollama:home"]

[[rules]]
name = "law"
when = { domain = "law", tokens = { min = 100 } }
prefer = "openai:*"

[[rules]]
pin = "ollama:home"
[rules.when]
words = ["secret"]
signals = { code = true }
"""


def read_rules(path: Path) -> Rules:
    return parse_rules(tomllib.loads(path.read_text()).get("rules", []), path)


def test_rules_come_from_toml_beside_other_settings(tmp_path: Path) -> None:
    path = tmp_path / "orchestrator.toml"
    path.write_text(GOOD)
    rules = read_rules(path)
    assert len(rules) == 2
    assert rules(LAW, [Candidate.single(LARGE)], NOW)[LARGE].source == "rules: law"
    path.write_text("models = []")
    assert len(read_rules(path)) == 0


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "prefers = 'a'",
            "line 3, rule 1: prefers: unknown key. Known keys: when, pin, prefer, deny, floor, weight, name",
        ),
        ("when = { topic = 'law' }", "line 3, rule 1: when.topic: unknown key. Known keys: task_type, domain"),
        ("when = { tokens = 5 }", "line 3, rule 1: when.tokens: 5 is no range, such as { min = 1, max = 5 }"),
        ("when = { tokens = { min = 9, max = 5 } }", "when.tokens: min 9 is above max 5: it would never hold"),
        ("when = { regex = '(a+)+$' }", "when.regex: '(a+)+$' could take very long on some text: bound its repeats"),
        ("when = { regex = '[' }", "when.regex: '[' is no regular expression (unterminated character set"),
        ("when = { words = [] }", "when.words: [] is no text in quotes, nor a list of such"),
        ("when = { private = 1 }", "when.private: 1 is neither true nor false"),
        ("when = { signals = 'code' }", "when.signals: 'code' is no table of signals"),
        ("when = { signals = { questions = { least = 2 } } }", "when.signals: questions: {'least': 2} is no range"),
        ("when = 'law'", "line 3, rule 1: when: 'law' is no table of signals, nor a function of the features"),
        ("floor = 1.5", "line 3, rule 1: floor: 1.5 is no quality from 0 to 1"),
        ("floor = nan", "line 3, rule 1: floor: nan is no quality from 0 to 1"),
        ("deny = [1]", "line 3, rule 1: deny: [1] is no model's name in quotes, nor a list of such"),
        ("pin = 7", "line 3, rule 1: pin: 7 is no model's name in quotes"),
        ("weight = 0", "line 3, rule 1: weight: 0 is no number of observations from 1 to 1000"),
    ],
)
def test_a_mistake_names_file_line_rule_key_and_what_is_right(line: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "orchestrator.toml"
    action = "" if "pin" in line else "pin = 'x'\n"
    path.write_text(f"[[rules]]\n# {line}\n{line}\n{action}[[rules]]\nfloor = 0.5\n")
    with pytest.raises(ConfigError) as caught:
        read_rules(path)
    assert str(path) in str(caught.value)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rules = 3", "rules: 3 is no array of tables; start each with [[rules]]"),
        (
            "[[rules]]\nname = 'x'\n",
            "line 2, rule 1 (x): name: it does nothing; give it one of pin, prefer, deny, floor",
        ),
        ("rules = [{ pin = 'a', flor = 1 }]", "rule 1: flor: unknown key"),
    ],
)
def test_a_malformed_file_says_so(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_rules(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)


def test_unknown_models_say_so() -> None:
    rules = parse_rules([{"deny": "openai:*"}, {"prefer": [SMALL, "openai:tiny"], "name": "typo"}], "x.toml")
    with pytest.raises(
        ConfigError, match=r"x.toml, rule 2 \(typo\): prefer: no model 'openai:tiny'. Known models: openai"
    ):
        rules.check(POOL)
    parse_rules([{"deny": "azure:*", "pin": LARGE}]).check(POOL)
