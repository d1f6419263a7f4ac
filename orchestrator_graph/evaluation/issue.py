"""Makes a promise of what is remembered: has the labels tested, stores the certificate, or says what is missing.

The statistics are `certify`'s; here is what surrounds them: whose labels, which reference, what everybody costs.
"""

import hashlib
import math
import os
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from orchestrator_graph.confidence.certificate import DAY_S, KEY_VARIABLE, LIFE_S, Certificate, Refusal
from orchestrator_graph.drive import Effects
from orchestrator_graph.errors import InputError, RegistryError
from orchestrator_graph.evaluation.certify import certify, spends
from orchestrator_graph.evaluation.lengths import filled
from orchestrator_graph.memory import Memory
from orchestrator_graph.memory.attempts import attempts, note_attempt
from orchestrator_graph.memory.certificates import Stored, store, stored
from orchestrator_graph.memory.past import past, sizes
from orchestrator_graph.nodes.io import Services
from orchestrator_graph.registry.fingerprint import model_fingerprint
from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.routing.candidates import offered
from orchestrator_graph.routing.change import forgotten
from orchestrator_graph.routing.credit import credible
from orchestrator_graph.routing.expectation import resources
from orchestrator_graph.routing.guard import default_reference
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.types import Candidate, Features
from orchestrator_graph.types.history import History

__all__ = ["expected_prices", "issue"]


async def issue(
    fx: Effects,
    services: Services,
    max_loss: float = 0.02,
    confidence: float = 0.95,
    *,
    reference: str | None = None,
    out: str | Path | None = None,
    life_days: float = LIFE_S / DAY_S,
) -> Certificate | Refusal:
    """The promise "at most `max_loss` below the reference, with this confidence", or why it cannot be made yet.

    Args:
        fx: Effects.
        services: Whose memory, models and tenant (of the policy) it is made of.
        max_loss: Points of mean score that may be lost, between 0 and 1.
        confidence: Between .5 and 1.
        reference: Candidate id; `None` = as the strict guard chooses it.
        out: Also written to this file.
        life_days: How long it holds.

    Raises:
        InputError, RegistryError: A number that makes no sense, a reference without a price or that is not there.
    """
    _check(max_loss, confidence, life_days)
    portfolio, policy, memory = await services.gateway.portfolio(fx), services.policy, services.memory
    history = await past(fx, memory, policy.tenant)
    candidates = {c.id: c for spec in portfolio.values() for c in offered(spec)}
    reference = reference or default_reference(portfolio, policy, history.task_types)
    prices = expected_prices(portfolio, candidates, history, await sizes(fx, memory, policy.tenant))
    _check_reference(reference, candidates, prices)
    since = await _suspended_at(fx, memory, policy.tenant)
    pairs = await past(fx, memory, policy.tenant, at_best=reference)
    pairs = pairs.rows(np.flatnonzero(pairs.times > since))
    heard = _among(credible(forgotten(pairs)) if len(pairs) else pairs, prices)
    made = await _tested(fx, memory, heard, reference, prices, max_loss, confidence)
    if isinstance(made, Refusal):
        paid = any(spec.cost_nusd(1000, 1000) for spec in portfolio.values())  # else prices are seconds
        made = replace(made, reason=made.reason + _aside(history, pairs, reference, since))
        return made if paid else replace(made, cost_nusd=0)
    return await _kept(fx, services, _named(made, candidates, portfolio, life_days), out)


async def _suspended_at(fx: Effects, memory: Memory, tenant: str) -> float:
    """When the last certificate that was suspended was made; what is older does not count: it is what was wrong."""
    return max((s.created_at for s in await stored(fx, memory, tenant=tenant) if s.suspended), default=-math.inf)


def _aside(history: History, pairs: History, reference: str, since: float) -> str:
    """What a refusal also rests on: answers of the reference that nobody judged, and labels that no longer count."""
    late = history.rows(np.flatnonzero(history.times > since))
    open_ = _wrong_beside(pairs, reference) - _wrong_beside(late, reference)
    old = len(history) - len(late)
    waiting = f"{open_} answers of {reference} that nobody judged, beside wrong ones, count as right"
    gone = f"{old} labelled tasks from before the promise that was suspended do not count"
    return "".join(f"; {said}" for said, n in ((waiting, open_), (gone, old)) if n > 0)


def _wrong_beside(history: History, reference: str) -> int:
    """Tasks with a label of the reference and one of somebody else that was not right."""
    if reference not in history.candidates:
        return 0
    wrong = (history.trusted & (history.scores < 1)).any(axis=1)
    return int((wrong & history.trusted[:, history.candidates.index(reference)]).sum())


def _named(
    made: Certificate, candidates: Mapping[str, Candidate], portfolio: Portfolio, life_days: float
) -> Certificate:
    """The certificate with its end, and what the models were like that it speaks of."""
    ids = {made.reference, *made.gate["alternatives"]}
    models = {member.model for name in ids for member in candidates[name].members}
    fingerprints = {name: model_fingerprint(portfolio[name]) for name in sorted(models)}
    return replace(made, models=fingerprints, expires_at=made.created_at + life_days * DAY_S)


async def _tested(
    fx: Effects,
    memory: Memory,
    history: History,
    reference: str,
    prices: Mapping[str, float],
    max_loss: float,
    confidence: float,
) -> Certificate | Refusal:
    """What the test says; who tested the same promise in vain on other data is held to it by the number of attempts."""
    promise, data = repr((history.tenant, history.space, reference, max_loss, confidence)), _fingerprint(history)
    number = await attempts(fx, memory, promise, data)
    made = await fx.offload(partial(certify, history, reference, prices, max_loss, confidence, attempt=number))
    if isinstance(made, Certificate) and not made.domain["deviates"]:
        made = Refusal(f"nothing can be saved: what keeps the promise never leaves {reference}", n=made.n)
    if isinstance(made, Certificate):
        await note_attempt(fx, memory, promise, data, 0)
    elif spends(made.n, max_loss, confidence, number):
        await note_attempt(fx, memory, promise, data, number)
    return made


def _fingerprint(history: History) -> str:
    held = hashlib.sha256(repr(history.candidates).encode())
    for array in (history.vectors, history.scores, history.weights):
        held.update(np.ascontiguousarray(array).tobytes())
    return held.hexdigest()


def _check_reference(reference: str, candidates: Mapping[str, Candidate], prices: Mapping[str, float]) -> None:
    if reference not in candidates:
        raise RegistryError(f"reference = {reference!r} is not in the portfolio; known: {', '.join(candidates)}")
    if reference not in prices:
        raise InputError(f"reference = {reference!r} has no known price, so no saving can be told: set ModelSpec.price")


def _check(max_loss: float, confidence: float, life_days: float) -> None:
    bounds = {"max_loss": (max_loss, 0.0, 1.0), "confidence": (confidence, 0.5, 1.0), "life_days": (life_days, 0, 3660)}
    for name, (value, low, high) in bounds.items():
        given: Any = value
        if isinstance(given, bool) or not isinstance(given, (int, float)) or not low < given < high:
            raise InputError(f"certify: {name} = {value!r} is no number between {low:g} and {high:g}")


def expected_prices(
    portfolio: Portfolio,
    candidates: Mapping[str, Candidate],
    history: History,
    kinds: Mapping[str, tuple[float, int]],
) -> dict[str, float]:
    """Candidate id -> expected nano-dollars a task as remembered; seconds where nobody costs anything.

    Candidates of unknown price are left out. `kinds`: task type -> (mean characters, n).
    """
    kinds = kinds or {"qa": (100.0, 1)}
    now = Situation(portfolio=portfolio, appetites=filled(history.appetites, portfolio, kinds))
    total = sum(n for _, n in kinds.values())
    prices, seconds = dict.fromkeys(candidates, 0.0), dict.fromkeys(candidates, 0.0)
    for kind, (size, n) in kinds.items():
        features = Features("x" * math.ceil(size), kind)
        for name, candidate in candidates.items():
            taken = resources(candidate, features, now)
            prices[name] += n / total * (math.nan if taken.cost_nusd is None else taken.cost_nusd)
            seconds[name] += n / total * taken.latency_s
    known = {name: price for name, price in prices.items() if math.isfinite(price)}
    return seconds if len(known) == len(prices) and not any(known.values()) else known


def _among(history: History, prices: Mapping[str, float]) -> History:
    """The history of those candidates that may still be asked and whose price is known."""
    return history.of([name for name in history.candidates if name in prices])


async def _kept(fx: Effects, services: Services, made: Certificate, out: str | Path | None) -> Certificate:
    key = os.environ.get(KEY_VARIABLE)
    if out is not None:
        made.save(Path(out).expanduser(), key)
    await store(fx, services.memory, Stored(made.id, made.tenant, made.text(key), made.created_at))
    services.promises.renewed()
    return made
