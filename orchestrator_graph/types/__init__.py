"""The values that flow through the system. Frozen, JSON-able, without behaviour that costs anything.

This module knows nothing of LangGraph, of providers or of files. Units: money is integer nano-dollars
(`*_nusd`, 1e-9 US dollars), time is seconds (`*_s`), energy is joules (`*_j`), confidence and quality lie in [0, 1].
"""

from orchestrator_graph.types.base import NANO, new_id, to_json
from orchestrator_graph.types.call import Attempt, Failure, FailureKind, Request, TokenLogprob, Usage
from orchestrator_graph.types.decision import Candidate, Decision, Estimate, Exclusion, Member, Neighbour, Upgrade
from orchestrator_graph.types.task import Features, Subtask
from orchestrator_graph.types.verdict import Evidence, Outcome, Verdict

__all__ = [
    "NANO",
    "Attempt",
    "Candidate",
    "Decision",
    "Estimate",
    "Evidence",
    "Exclusion",
    "Failure",
    "FailureKind",
    "Features",
    "Member",
    "Neighbour",
    "Outcome",
    "Request",
    "Subtask",
    "TokenLogprob",
    "Upgrade",
    "Usage",
    "Verdict",
    "new_id",
    "to_json",
]
