"""When an answer under way may be given up: only where somebody surer may be asked instead."""

from orchestrator_graph.confidence.early import give_up_below
from orchestrator_graph.nodes.bound import bound
from orchestrator_graph.nodes.io import Io
from orchestrator_graph.nodes.voices import own_confidence
from orchestrator_graph.state import SolveState
from orchestrator_graph.types import Subtask

__all__ = ["limit_of"]

STRATEGIES = ("auto", "cascade")


def limit_of(candidate: str, state: SolveState, io: Io, subtask: Subtask, longest: int | None = None) -> float | None:
    """The probability below which this candidate's answer is not worth its remaining tokens; `None` = hear it out.

    Only the first answer of a subtask: later ones may be lifted by those that were heard before. Only of a single model
    in the ranking whose confidence is calibrated, and only where a candidate that is believed to be better is left. Not
    under low fault tolerance, where a judge may lift the answer. `longest`: tokens that the model can give at most.
    """
    policy, ranking = io.policy(state["task"]), state["decision"]["ranking"]
    own = next((e for e in ranking if e["candidate_id"] == candidate), None)
    first = not state.get("hand") and ranking[0]["candidate_id"] == candidate
    if policy.strategy not in STRATEGIES or own is None or not first or bound(state) or policy.fault_tolerance == "low":
        return None
    if not any(e["quality"] > own["quality"] for e in ranking):
        return None
    if not own_confidence(candidate, {}, state, io, subtask).calibrated:
        return None
    threshold = policy.confidence_for(subtask.features.task_type)
    return give_up_below(
        threshold, lambda told: own_confidence(candidate, told, state, io, subtask).probability, longest
    )
