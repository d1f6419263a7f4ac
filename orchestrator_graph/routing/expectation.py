"""What a call would take before it is made: tokens, money, time, energy. Knows nothing of quality."""

from dataclasses import dataclass

from orchestrator_graph.registry.spec import ModelSpec
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.types import Candidate, Features

__all__ = ["Expectation", "expect", "resources"]

# Typical answers in bytes by expected form, then by task type: orders of magnitude that only have to rank
# candidates; the bill uses what really happened.
FORM_BYTES = {"number": 6, "word": 12, "yes_no": 4, "list": 200, "json": 400}
PROSE_BYTES = {"summary": 600, "writing": 2400, "translation": 800, "code": 1600, "extraction": 300}
REASONING_FACTOR = 4
MESSAGE_OVERHEAD_BYTES = 80
FIRST_TOKEN_S = 0.5
SECONDS_PER_TOKEN = 0.02
LOCAL_SECONDS_PER_TOKEN_PER_BILLION = 0.03  # a laptop CPU at 4 bits; replaced by measurements after the first call


@dataclass(frozen=True, slots=True)
class Expectation:
    """Expected resources of one call; `cost_nusd` is `None` for an unknown price, `energy_j` when nothing is known."""

    prompt_tokens: int
    answer_tokens: int
    cost_nusd: int | None
    latency_s: float
    energy_j: float | None
    latency_measured: bool


EFFORTS = {"none": 0.25, "minimal": 0.4, "low": 0.5, "medium": 1.0, "high": 2.0}
"""Reasoning tokens against the model's own default: orders of magnitude, until answers were counted."""
TRUSTED = 5
"""A remembered mean of so many answers counts as much as the guess."""


def expect(spec: ModelSpec, features: Features, now: Situation, effort: str | None = None) -> Expectation:
    """Expected tokens (reasoning included), nano-dollars, seconds and joules of asking this model once."""
    overhead = 0 if spec.has("narrow") else MESSAGE_OVERHEAD_BYTES
    prompt = int((len(features.text.encode()) + now.context_bytes + overhead) / spec.bytes_per_token) + 1
    answer = _answer_tokens(spec, features, now, effort)
    measured = now.speeds.get(spec.id)
    first, per_token = measured[:2] if measured else _guessed_speed(spec)
    latency = now.load_s.get(spec.id, 0.0) + first + answer * per_token
    return Expectation(
        prompt_tokens=prompt,
        answer_tokens=answer,
        cost_nusd=spec.cost_nusd(prompt, answer),
        latency_s=latency,
        energy_j=None if spec.watts is None else spec.watts * latency,
        latency_measured=measured is not None,
    )


def _answer_tokens(spec: ModelSpec, features: Features, now: Situation, effort: str | None) -> int:
    size = FORM_BYTES.get(features.expects) or PROSE_BYTES.get(features.task_type, 1000)
    guess = int(size / spec.bytes_per_token) + 1
    if spec.has("reasoning"):
        guess = int(guess * REASONING_FACTOR * EFFORTS.get(effort or "medium", 1.0)) + 1
    seen, n = now.appetites.get((Candidate.single(spec.id, effort).id, features.task_type), (0.0, 0))
    return round((guess * TRUSTED + seen * n) / (TRUSTED + n)) if n else guess


def resources(candidate: Candidate, features: Features, now: Situation) -> Expectation:
    """What the whole recipe takes: tokens, money and energy add up, of the members' seconds the longest counts."""
    asked = [(m.samples, expect(now.portfolio[m.model], features, now, m.effort)) for m in candidate.members]
    if len(asked) == 1 and asked[0][0] == 1:
        return asked[0][1]
    costs = [e.cost_nusd for _, e in asked]
    joules = [e.energy_j for _, e in asked]
    return Expectation(
        prompt_tokens=max(e.prompt_tokens for _, e in asked),
        answer_tokens=sum(n * e.answer_tokens for n, e in asked),
        cost_nusd=None if None in costs else sum(n * (e.cost_nusd or 0) for n, e in asked),
        latency_s=max(e.latency_s for _, e in asked),
        energy_j=None if None in joules else sum(n * (e.energy_j or 0.0) for n, e in asked),
        latency_measured=all(e.latency_measured for _, e in asked),
    )


def _guessed_speed(spec: ModelSpec) -> tuple[float, float]:
    first = FIRST_TOKEN_S if spec.first_token_s is None else spec.first_token_s
    if spec.seconds_per_token is not None:
        return first, spec.seconds_per_token
    if spec.is_local and spec.size_b is not None:
        return first, LOCAL_SECONDS_PER_TOKEN_PER_BILLION * spec.size_b
    return first, SECONDS_PER_TOKEN
