"""What a proved decision leaves to the nodes after it: nothing but to notice a failure, and to go to the reference.

The promise was measured on first answers. A doubt, a judge's word, a second opinion or an early stop would make another
policy of it, which nobody has measured. What failed, or failed a check that settles it, was worth nothing: there the
reference, second in the ranking of a proved decision, can only do better.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from orchestrator_graph.types import Evidence, Verdict

__all__ = ["bound", "kept", "referred"]


def bound(state: Mapping[str, Any]) -> bool:
    """Whether this subtask's decision is proved: then nobody is asked for another opinion, and nothing stops early."""
    return bool((state.get("decision") or {}).get("proved"))


def kept(verdict: Verdict, state: Mapping[str, Any]) -> Verdict:
    """The verdict, accepting whatever did not fail where the decision is proved.

    >>> doubt = Verdict(0.4, "escalate")
    >>> kept(doubt, {"decision": {"proved": True}}).action, kept(doubt, {"decision": {"proved": False}}).action
    ('accept', 'escalate')
    >>> kept(Verdict(0.0, "escalate", (Evidence("number", 0.0, decisive=True),)), {"decision": {"proved": True}}).action
    'escalate'
    """
    if not bound(state) or verdict.action == "accept" or any(e.decisive and e.value < 0.5 for e in verdict.evidence):
        return verdict
    note = Evidence("certified", verdict.confidence, "the promise was measured on first answers, so it is kept")
    return replace(verdict, action="accept", evidence=(*verdict.evidence, note))


def referred(state: Mapping[str, Any]) -> dict[str, Any] | None:
    """Who takes over from a proved decision's first choice: the next in its ranking; `None` where that has spoken."""
    ranking = (state.get("decision") or {}).get("ranking") or []
    if not bound(state) or len(ranking) < 2 or ranking[1]["candidate_id"] in (state.get("tried") or ()):
        return None
    second: dict[str, Any] = ranking[1]
    return second
