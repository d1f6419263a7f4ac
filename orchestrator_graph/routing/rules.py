"""Rules: where a task matches, pin a model, prefer some, deny some, or ask for a quality. From TOML or from Python.

`pin`, `deny` and `floor` are constraints that are laid over the caller's policy and never loosen it; `prefer` is a
belief, weighed against what was learnt like any other. docs/rules.md shows both.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from orchestrator_graph.errors import ConfigError
from orchestrator_graph.policy import Policy
from orchestrator_graph.routing.estimator import Belief
from orchestrator_graph.routing.rule import KEYS, Place, Ready, Rule, read
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.types import Candidate, Features

__all__ = ["Rule", "Rules", "parse_rules"]


class Rules:
    """Rules in order: an estimator (what they prefer), and an overlay of policies (`apply`).

    Args:
        rules: In order; of several pins the first that is possible counts.
        file: Where they were written, for messages.

    Raises:
        ConfigError: A rule makes no sense: names it, the key and what would be right.
    """

    def __init__(self, rules: Iterable[Rule], file: "str | Path" = "") -> None:
        self._rules = tuple(read(rule, Place(file, number, rule.name)) for number, rule in enumerate(rules, 1))

    def __len__(self) -> int:
        return len(self._rules)

    def __call__(self, features: Features, candidates: Sequence[Candidate], now: Situation) -> dict[str, Belief]:
        """A preferred candidate is believed to be right, as surely as the weights of its rules say."""
        acting = [rule for rule in self._rules if rule.prefer and rule.holds(features, now)]
        found: dict[str, Belief] = {}
        for candidate in candidates if acting else ():
            liking = [rule for rule in acting if _prefers(rule, candidate)]
            if liking:
                n = sum(rule.weight for rule in liking)
                source = f"rules: {', '.join(rule.name for rule in liking)}"
                found[candidate.id] = Belief(1.0, (0.04 / (n + 1)) ** 0.5, n, source)
        return found

    def apply(self, features: Features, policy: Policy, now: Situation) -> tuple[Policy, tuple[str, ...]]:
        """The policy under the rules that hold, and a phrase for each thing that they did.

        The first pin that the caller's policy, the denials and privacy leave counts; all denials and the highest
        floor do. `now.portfolio` says which models there are.
        """
        acting = [r for r in self._rules if (r.deny or r.pin or r.floor is not None) and r.holds(features, now)]
        if not acting:
            return policy, ()
        changed: dict[str, Any] = {}
        said = [f"rule {rule.name} denies {', '.join(rule.deny)}" for rule in acting if rule.deny]
        if said:
            changed["deny"] = list(dict.fromkeys([*policy.deny, *(name for rule in acting for name in rule.deny)]))
        highest = max((rule for rule in acting if rule.floor is not None), key=lambda r: r.floor or 0, default=None)
        if highest is not None and (policy.min_quality is None or (highest.floor or 0) > policy.min_quality):
            changed["min_quality"] = highest.floor
            said.append(f"rule {highest.name} asks for quality {highest.floor:g}")
        pin, pinned = _pin(acting, policy, changed.get("deny", policy.deny), now)
        if pin:
            changed["pin"] = pin
        fields = {name: getattr(policy, name) for name in policy.model_fields_set}
        # Not `overlaid`, which constructs without validation: that takes fifty times as long.
        return (Policy(**{**fields, **changed}) if changed else policy), (*said, *pinned)

    def check(self, models: Collection[str]) -> None:
        """Looks for names that are no model of the portfolio; patterns that match nothing (yet) are fine.

        Raises:
            ConfigError: Names the rule, the key, the model and the known ones.
        """
        for rule in self._rules:
            named = [("pin", rule.pin or ""), *(("prefer", n) for n in rule.prefer), *(("deny", n) for n in rule.deny)]
            for key, name in named:
                if name and name not in models and not re.search(r"[*?\[]", name):
                    known = ", ".join(models) or "none"
                    raise rule.place.error(key, f"no model {name!r}. Known models: {known}")


def _prefers(rule: Ready, candidate: Candidate) -> bool:
    """Whether the patterns name the candidate, or every model in it."""
    whole = _fits(candidate.id, rule.prefer)
    return whole or all(_fits(member.model, rule.prefer) for member in candidate.members)


def _fits(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _pin(acting: Sequence[Ready], policy: Policy, deny: Sequence[str], now: Situation) -> tuple[str, list[str]]:
    """The first model that a rule may pin, and what to say of it and of those before."""
    said: list[str] = []
    for rule in acting:
        if rule.pin:
            obstacle = _obstacle(rule.pin, policy, deny, now)
            said.append(f"rule {rule.name} pins {rule.pin}" + (f" in vain ({obstacle})" if obstacle else ""))
            if not obstacle:
                return rule.pin, said
    return "", said


def _obstacle(model: str, policy: Policy, deny: Sequence[str], now: Situation) -> str:
    """Why a rule may not pin the model; empty = it may."""
    if policy.pin is not None:
        return "the policy pins a model itself"
    if _fits(model, deny) or (policy.allow and not _fits(model, policy.allow)):
        return "it is denied"
    spec = now.portfolio.get(model)
    if spec is None:
        return "there is no such model" if now.portfolio else ""
    if policy.tier and policy.tier not in spec.tiers:
        return f"it is not of tier {policy.tier}"
    return "the text is private" if now.private and not spec.is_local else ""


def parse_rules(data: Any, file: "str | Path" = "") -> Rules:
    """Rules from the `rules` array of a TOML file that was read.

    Raises:
        ConfigError: Names the file, the line, the rule, the key and the known keys.
    """
    if not isinstance(data, list) or not all(isinstance(table, dict) for table in data):
        raise ConfigError(f"{file or 'rules'}: rules: {data!r} is no array of tables; start each with [[rules]]")
    for number, table in enumerate(data, 1):
        for key in table:
            if key not in KEYS:
                raise Place(file, number).error(key, f"unknown key. Known keys: {', '.join(KEYS)}")
    return Rules([Rule(**table) for table in data], file)
