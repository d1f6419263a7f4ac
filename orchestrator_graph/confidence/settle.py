"""What would settle an answer that nobody is sure of, in one plain sentence. Reads evidence, asks nobody."""

from collections.abc import Sequence

from orchestrator_graph.types import Evidence

__all__ = ["what_would_settle"]

HALF = 0.5
NAMED = {
    "number": "number",
    "choice": "choice",
    "yes_no": "yes or no",
    "word": "word",
    "json": "JSON",
    "list": "list",
    "set": "list",
    "code": "code",
}


def what_would_settle(evidence: Sequence[Evidence], expects: str = "text", calibrated: bool = False) -> str:
    """One sentence: what the answer failed at or what is not known of it, and what would tell.

    Args:
        evidence: What the verdict rests on.
        expects: The form of the answer.
        calibrated: The confidence was compared with outcomes.

    >>> what_would_settle([Evidence("log-probability", 0.6)], "number", calibrated=True)
    'It would be settled by the right number from you, or by a second model that agrees.'
    """
    failed = next((item for item in evidence if item.decisive and item.value < HALF), None)
    if failed is not None:
        why = failed.detail or failed.name
        return f"It would be settled by an answer that passes what this one failed ({why}), or by one from you."
    names = {item.name for item in evidence}
    ways = [f"the right {NAMED[expects]} from you" if expects in NAMED else "a word from you on whether it is right"]
    ways += _voices(evidence, names)
    if "log-probability" not in names and not names & {"agreement", "self-consistency"}:
        ways.append("a backend that gives log-probabilities")
    if expects == "code" and "unit tests" not in names:
        ways.append("unit tests in the task, with run_code allowed")
    if not calibrated:
        ways.append("labels of such answers, which make its confidence a measured one")
    return f"It would be settled by {', or by '.join(ways)}."


def _voices(evidence: Sequence[Evidence], names: set[str]) -> list[str]:
    """Which other models would tell."""
    if "not judged" in names and any("no other model" in item.detail for item in evidence):
        return ["a larger model that may be asked: none is allowed"]
    agreement = next((item for item in evidence if item.name == "agreement"), None)
    if agreement is None:
        return ["a second model that agrees"]
    if agreement.value < HALF:
        return ["two models of different families that agree: those that were asked do not"]
    return [] if "judge" in names else ["a model that judges it"]
