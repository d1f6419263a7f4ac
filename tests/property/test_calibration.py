"""Whatever an answer tells of itself, a confidence is a probability; and verdicts follow it."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_graph.confidence.calibration import Calibrated, Calibration
from orchestrator_graph.confidence.verdict import settle
from orchestrator_graph.types import Evidence

SHARES = st.floats(0, 1)
RNG = np.random.default_rng(0)
SAID = RNG.random(300)
MADE = Calibration.fit(
    "m", {"probability": SAID, "mean": SAID**0.5}, (RNG.random(300) < SAID).astype(float), 0.2 + 0.6 * RNG.random(300)
)


@given(
    st.dictionaries(st.sampled_from(["probability", "mean", "margin"]), SHARES), SHARES | st.just(math.nan), st.text()
)
def test_a_confidence_is_a_probability(signals: dict[str, float], believed: float, kind: str) -> None:
    found = MADE.confidence("m", kind, signals, believed)
    assert found.calibrated
    assert 0 < found.probability < 1
    assert 0 <= MADE.confidence("other", kind, signals, believed).probability <= 1


@given(SHARES, SHARES, st.lists(st.tuples(SHARES, st.booleans()), max_size=3))
def test_a_verdict_keeps_to_its_threshold_and_owns_up_to_a_judge(
    agreed: float, threshold: float, judges: list[tuple[float, bool]]
) -> None:
    evidence = [Evidence("judge", value, raw=value if measured else None) for value, measured in judges]
    verdict = settle(evidence, Calibrated(0.5, 300, True), agreed, threshold)
    assert 0 <= verdict.confidence <= 1
    assert (verdict.action == "accept") == (verdict.confidence >= threshold)
    if not judges:
        assert verdict.confidence == round(agreed, 4)
    if verdict.confidence > agreed and not all(measured for _, measured in judges):
        assert not verdict.calibrated


def test_a_failed_check_settles_it() -> None:
    failed = Evidence("check: number", 0.0, decisive=True)
    assert settle([failed], Calibrated(0.99, 300, True), 0.99, 0.0).action == "escalate"
