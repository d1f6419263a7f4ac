"""How evidence adds up to one confidence.

Where nothing was learnt from outcomes, a weighted mean in log-odds, and the verdict says that it is uncalibrated; else
the calibrated probability, which a judge's word moves.
"""

import math
from collections.abc import Sequence
from typing import Literal

from orchestrator_graph.confidence.calibration import Calibrated
from orchestrator_graph.types import Evidence, Verdict

__all__ = ["settle", "weigh"]

# An answer's own log-probability and independent agreement speak loudest, what was believed beforehand least.
WEIGHTS = {
    "unit tests": 2.0, "agreement": 1.5, "log-probability": 1.0, "judge": 1.0, "self-consistency": 0.7,
    "prior quality": 0.3, "verbalised": 0.1,
}  # fmt: skip
CEILING = 0.995
HOPELESS, CERTAIN = 0.02, 0.98
LOUDEST = 0.9
"""A judge whose errors were never measured counts for no more than this, for or against."""


def _log_odds(probability: float) -> float:
    clipped = min(CEILING, max(1 - CEILING, probability))
    return math.log(clipped / (1 - clipped))


def _decided(evidence: Sequence[Evidence]) -> Verdict | None:
    """What a check that settles it says: one that fails outweighs all that pass."""
    settling = [item.value for item in evidence if item.decisive]
    if not settling:
        return None
    if min(settling) < 0.5:
        return Verdict(HOPELESS, "escalate", tuple(evidence))
    return Verdict(CERTAIN, "accept", tuple(evidence))


def weigh(evidence: Sequence[Evidence], threshold: float) -> Verdict:
    """Confidence and action. A decisive check gives .02 or .98; no signal at all leaves what was believed beforehand.

    >>> weigh([Evidence("log-probability", 0.99)], 0.8).action
    'accept'
    """
    decided = _decided(evidence)
    if decided is not None:
        return decided
    weighed = [(WEIGHTS[item.name], _log_odds(item.value)) for item in evidence if item.name in WEIGHTS]
    if not weighed:
        return Verdict(0.5, "accept" if threshold <= 0.5 else "escalate", tuple(evidence))
    total = sum(weight * odds for weight, odds in weighed) / sum(weight for weight, _ in weighed)
    confidence = round(1 / (1 + math.exp(-total)), 4)
    return Verdict(confidence, "accept" if confidence >= threshold else "escalate", tuple(evidence))


def settle(evidence: Sequence[Evidence], own: Calibrated, agreed: float, threshold: float) -> Verdict:
    """The verdict where the answer's own confidence is calibrated.

    A judge's word is added in log-odds: it is corrected on even odds. Where one whose errors were never measured raises
    the confidence, that is no longer calibrated, and says so.

    Args:
        evidence: All that is known; a decisive check settles it.
        own: From the answer's own signals.
        agreed: The same once the other answers were heard.
        threshold: What has to be reached.

    >>> settle([], Calibrated(0.7, 300, True), 0.9, 0.8)
    Verdict(confidence=0.9, action='accept', evidence=(), calibrated=True, n=300)
    """
    decided = _decided(evidence)
    if decided is not None:
        return decided
    judges = [item for item in evidence if item.name in ("judge", "unit tests")]
    odds = _log_odds(agreed) + sum(_log_odds(_heard(item)) for item in judges)
    confidence = round(1 / (1 + math.exp(-odds)) if judges else agreed, 4)
    raised = any(item.raw is None for item in judges) and confidence > agreed
    action: Literal["accept", "escalate"] = "accept" if confidence >= threshold else "escalate"
    return Verdict(confidence, action, tuple(evidence), calibrated=not raised, n=own.n)


def _heard(judge: Evidence) -> float:
    return judge.value if judge.raw is not None else min(LOUDEST, max(1 - LOUDEST, judge.value))
