"""How evidence adds up to one confidence. Uncalibrated: a weighted mean in log-odds, and the verdict says so."""

import math
from collections.abc import Sequence

from orchestrator_graph.types import Evidence, Verdict

__all__ = ["weigh"]

# An answer's own log-probability and independent agreement speak loudest, what was believed beforehand least.
WEIGHTS = {"log-probability": 1.0, "agreement": 1.5, "judge": 1.0, "self-consistency": 0.7, "prior quality": 0.3}
CEILING = 0.995


def _log_odds(probability: float) -> float:
    clipped = min(CEILING, max(1 - CEILING, probability))
    return math.log(clipped / (1 - clipped))


def weigh(evidence: Sequence[Evidence], threshold: float) -> Verdict:
    """Confidence and action. A failed decisive check gives .02; no signal at all leaves what was believed beforehand.

    >>> weigh([Evidence("log-probability", 0.99)], 0.8).action
    'accept'
    """
    if any(item.decisive and item.value < 0.5 for item in evidence):
        return Verdict(0.02, "escalate", tuple(evidence))
    weighed = [(WEIGHTS[item.name], _log_odds(item.value)) for item in evidence if item.name in WEIGHTS]
    if not weighed:
        return Verdict(0.5, "accept" if threshold <= 0.5 else "escalate", tuple(evidence))
    total = sum(weight * odds for weight, odds in weighed) / sum(weight for weight, _ in weighed)
    confidence = round(1 / (1 + math.exp(-total)), 4)
    return Verdict(confidence, "accept" if confidence >= threshold else "escalate", tuple(evidence))
