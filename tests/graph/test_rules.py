"""Rules of `orchestrator.toml` through decisions and runs: they act and are named; mistakes name the line."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from orchestrator_graph import ModelSpec, Orchestrator
from orchestrator_graph.config import load
from orchestrator_graph.errors import ConfigError
from tests.graph.support import model, run

SUM, STORY = "Multiply 17 by 23", "Tell a story about a lighthouse"


def pool() -> list[ModelSpec]:
    """Left alone, the middle one is chosen for everything."""
    return [model("low", "391", 0.6, 1.0), model("mid", "391", 0.8, 1.0), model("high", "391", 0.85, 40.0)]


def ruled(tmp_path: Path, rules: str, models: list[ModelSpec] | None = None) -> Orchestrator:
    path = tmp_path / "orchestrator.toml"
    path.write_text("# ours\n" + rules)
    return Orchestrator(models or pool(), config=load(path))


def told(orc: Orchestrator, mode: str, text: str, **policy: Any) -> tuple[str, str]:
    """Who is chosen and why, the same by the advice and by a run."""
    decision = orc.decide(text, policy) if mode == "sync" else asyncio.run(orc.adecide(text, policy))
    result = run(orc, mode, text, policy)["results"]["1"]  # type: ignore[arg-type]
    assert result["candidate"] == decision.ranking[0].candidate.id
    assert result["decision"]["why"].startswith(decision.why.split(" (")[0])
    return decision.ranking[0].candidate.id, decision.why


@pytest.mark.parametrize(
    ("action", "name", "words"),
    [
        ('pin = "test:low"', "test:low", "rule sums pins test:low; pinned by the policy"),
        ('deny = ["test:m*"]', "test:high", "rule sums denies test:m*"),
        ("floor = 0.84", "test:high", "rule sums asks for quality 0.84; cheapest with estimated quality"),
        ('prefer = "test:low"\nweight = 500', "test:low", "rules: sums+prior"),
    ],
)
def test_a_rule_acts_where_it_matches_and_is_named(
    tmp_path: Path, mode: str, action: str, name: str, words: str
) -> None:
    with ruled(tmp_path, f'[[rules]]\nname = "sums"\nwhen = {{ task_type = "maths" }}\n{action}\n') as orc:
        chosen, why = told(orc, mode, SUM)
        assert chosen == name
        assert words in why
        other, why = told(orc, mode, STORY)
    assert other == "test:mid"
    assert "rule" not in why


def test_what_a_preference_said_is_in_the_source(tmp_path: Path) -> None:
    with ruled(tmp_path, '[[rules]]\nname = "thrift"\nprefer = "test:low"\nweight = 500\n') as orc:
        assert orc.decide(SUM).ranking[0].source == "rules: thrift+prior: test"


def test_a_rule_never_loosens_the_callers_policy(tmp_path: Path, mode: str) -> None:
    with ruled(tmp_path, '[[rules]]\nname = "all"\npin = "test:low"\n') as orc:
        chosen, why = told(orc, mode, SUM, deny=["test:low"])
        assert chosen == "test:mid"
        assert "rule all pins test:low in vain (it is denied)" in why


@pytest.mark.parametrize("action", ['pin = "test:gone"', 'deny = "test:gone"', 'prefer = ["test:mid", "test:gone"]'])
def test_an_unknown_model_is_told_with_its_line_before_anything_is_called(
    tmp_path: Path, mode: str, action: str
) -> None:
    models = pool()
    rules = f'[[rules]]\nname = "fine"\ndeny = "test:none*"\n\n[[rules]]\nname = "bad"\n{action}\n'
    with ruled(tmp_path, rules, models) as orc:
        words = r"orchestrator\.toml, line 8, rule 2 \(bad\): .*no model 'test:gone'\. Known models: test:low, test:mid"
        with pytest.raises(ConfigError, match=words):
            run(orc, mode, SUM)
        with pytest.raises(ConfigError, match=words):
            orc.decide(SUM)
        assert not any(spec.model.seen for spec in models)


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ('[[rules]]\nname = "x"\npinn = "test:low"\n', r"line 4, rule 1.*: pinn: unknown key\. Known keys: when, pin"),
        ("[[rules]]\nfloor = 2\n", r"line 3, rule 1: floor: 2 is no quality from 0 to 1"),
        ("rules = 3\n", "rules: 3 is no array of tables"),
    ],
)
def test_a_malformed_rule_is_told_with_its_line(tmp_path: Path, mode: str, rules: str, words: str) -> None:
    models = pool()
    with ruled(tmp_path, rules, models) as orc, pytest.raises(ConfigError, match=words):
        run(orc, mode, SUM)
    assert not any(spec.model.seen for spec in models)
