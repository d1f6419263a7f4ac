"""One call from the request to the bill, in the order of section 7 of the design.

A model's failure is a value; only a cancellation or a bubble of LangGraph is raised, after everything was settled.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from orchestrator_graph.bounded import bounded
from orchestrator_graph.drive import Effects
from orchestrator_graph.gateway.answer import Answer, read_answer
from orchestrator_graph.gateway.ask import Ask, Heard
from orchestrator_graph.gateway.breaker import Entry, health_of
from orchestrator_graph.gateway.budget import Lease
from orchestrator_graph.gateway.classify import classify_error, is_bubble, is_free
from orchestrator_graph.gateway.desk import Desk
from orchestrator_graph.gateway.egress import cleared
from orchestrator_graph.gateway.line import Line, Place
from orchestrator_graph.gateway.till import Reservation, Till
from orchestrator_graph.gateway.watcher import watcher_for
from orchestrator_graph.registry.spec import ModelSpec
from orchestrator_graph.types import Attempt, Failure, FailureKind, Request, Usage, new_id

__all__ = ["Call"]

LONGEST_CALL_S = 300.0
"""Bound of a call without a deadline."""

CANCELLED = Failure("cancelled", "the caller went away")
CUT_SHORT: frozenset[FailureKind] = frozenset({"connection", "overloaded", "bad_response"})
"""Failures that are a truncated stream once part of the answer was shown."""


class Call:
    """One request to one model, with its retries."""

    def __init__(
        self, desk: Desk, line: Line, spec: ModelSpec, request: Request, lease: Lease, hear: Callable[..., Heard]
    ) -> None:
        self._desk, self._line, self._spec, self._request, self._lease = desk, line, spec, request, lease
        self._till = Till.of(spec, request, lease)
        self._hear = hear
        self._began = desk.clock()
        left = lease.left_s
        self._ends = self._began + (LONGEST_CALL_S if left is None else min(left, LONGEST_CALL_S))
        self._pins: Mapping[str, str] = {}
        self._heard = hear()
        self._answer: Answer | None = None
        self._usage = Usage()
        self._cost = self._charge = self._tries = 0
        self._queued, self._sent = 0.0, False
        self._joules: float | None = None
        self._notes: list[str] = [] if self._till.price_known else [f"the price of {spec.id} is unknown: charged as 0"]

    async def run(self, fx: Effects) -> Attempt:
        """The attempt, whatever happened; a cancelled one is left on the lease."""
        try:
            return self._attempt(await self._tried(fx))
        except asyncio.CancelledError:
            self._lease.cancelled += [self._attempt(CANCELLED)] if self._tries else []
            raise

    async def _tried(self, fx: Effects) -> Failure | None:
        failure = self._till.too_long()
        if failure is None and self._request.private:
            found = await cleared(fx, self._spec, self._left_s())
            failure, self._pins = (found, {}) if isinstance(found, Failure) else (None, found)
        while failure is None:
            failure = await self._try(fx)
            wait = None if failure is None else self._wait_s(failure)
            if failure is None or wait is None:
                break
            self._notes.append(f"{failure.kind}: asked again after {wait:.1f} s")
            await fx.sleep(wait)
            failure = None
        return failure

    def _left_s(self) -> float:
        return max(0.0, self._ends - self._desk.clock())

    def _wait_s(self, failure: Failure) -> float | None:
        """Seconds until the same is tried again; `None` = it is not."""
        if not self._sent or self._heard.shown:
            return None  # it never got that far, or something was shown already and cannot be taken back
        model, plain = self._spec.id, self._desk.plain
        if failure.kind == "invalid_request":
            if model not in plain:
                plain.add(model)
                return 0.0
            plain.discard(model)  # the request itself is at fault
        return self._desk.retry.wait_s(failure, self._tries, self._left_s())

    async def _try(self, fx: Effects) -> Failure | None:
        self._sent, self._charge = False, 0
        if self._left_s() <= 0:
            return Failure("timeout", "the deadline had passed before the call")
        reserved = await self._till.reserve_when_free(fx, self._request.max_tokens, self._left_s)
        if isinstance(reserved, Failure):
            return reserved
        place = Place()
        try:
            entry = await self._turn(fx, place)
            if isinstance(entry, Failure):
                return entry
            self._sent = True
            return await self._send(fx, entry, place, reserved.max_tokens)
        finally:
            if not self._sent:
                place.give_back()
            await self._settle(fx, reserved)
            self._cost += self._charge

    async def _settle(self, fx: Effects, reserved: Reservation) -> None:
        settle = partial(reserved.hold.settle, self._charge)
        await fx.offload(settle) if self._lease.shared else settle()  # a shared one is kept in the ledger

    async def _turn(self, fx: Effects, place: Place) -> Entry | Failure:
        since = self._desk.clock()
        failure = await self._line.stand(fx, self._lease, place, self._ends, self._desk.clock)
        self._queued += self._desk.clock() - since
        if failure is not None:
            return failure
        entry = self._desk.breakers.enter(self._spec.id)
        if entry != "refused":
            return entry
        wait = self._desk.breakers.wait_s(self._spec.id)
        return Failure("overloaded", f"{self._spec.id} keeps failing and is left alone for {wait:.1f} s", None, wait)

    async def _send(self, fx: Effects, entry: Entry, place: Place, max_tokens: int | None) -> Failure | None:
        desk, spec, left = self._desk, self._spec, self._left_s()
        self._tries += 1
        self._heard = self._hear(watcher=watcher_for(spec, self._request, desk.seconds_per_token(spec)))
        ask = Ask(desk.clients, spec, self._request, self._heard, left, max_tokens, spec.id in desk.plain, self._pins)
        self._book(self._till.estimated())  # what stands if we are cancelled
        failure: Failure | None = CANCELLED
        try:
            failure = await self._answered(fx, ask, place, left)
        finally:
            self._heard.stopped = True
            desk.breakers.leave(spec.id, entry, ok=health_of(failure))
            if failure is CANCELLED:
                self._book(self._till.estimated(self._heard.text))  # what came is charged, whoever went away
        return failure

    async def _answered(self, fx: Effects, ask: Ask, place: Place, left: float) -> Failure | None:
        started, meter = self._desk.clock(), self._desk.reading(self._spec)
        try:
            threaded = fx.is_async and ask.blocks
            message, flavour = await bounded(fx, left, ask, place.give_back, threaded=threaded)
            answer = self._answer = read_answer(message, flavour, self._spec, self._till.size, self._heard.given_up)
        except Exception as error:
            if is_bubble(error):
                raise
            failure = classify_error(error, secrets=tuple(self._desk.secrets))
            free = is_free(error, failure)
            self._book(Usage(measured=False) if free else self._till.estimated(self._heard.text))
            cut = self._heard.shown and failure.kind in CUT_SHORT
            return replace(failure, kind="truncated_stream") if cut else failure
        self._book(answer.usage)
        self._joules = self._desk.joules(meter)
        if answer.failure is None or answer.failure.kind in ("length", "early_exit"):
            self._desk.learn(self._spec, answer, self._desk.clock() - started, self._heard.first_token_s)
        return answer.failure

    def _book(self, usage: Usage) -> None:
        self._usage, self._charge = usage, self._till.charge(usage)

    def _attempt(self, failure: Failure | None) -> Attempt:
        answer, spec = self._answer, self._spec
        latency = self._desk.clock() - self._began
        joules = self._joules if self._tries == 1 else None  # of several tries only the last was measured
        guess = None if spec.watts is None else spec.watts * max(0.0, latency - self._queued)
        return Attempt(
            id=new_id(),
            model=spec.id,
            purpose=self._request.purpose,
            text=answer.text if answer else self._heard.text,
            failure=failure,
            finish=answer.finish if answer else "",
            usage=self._usage,
            cost_nusd=self._cost,
            billed=spec.billed,
            cost_measured=self._usage.measured and self._till.price_known and self._tries <= 1,
            latency_s=latency,
            queued_s=self._queued,
            first_token_s=self._heard.first_token_s or (answer.first_token_s if answer else None),
            energy_j=guess if joules is None else joules,
            energy_measured=joules is not None,
            tries=self._tries,
            answered_by=answer.answered_by if answer else "",
            subtask_id=self._request.subtask_id,
            logprobs=answer.logprobs if answer else (),
            end_logprob=answer.end_logprob if answer else None,
            message_id=answer.message_id if answer else "",
            message=answer.message if answer else None,
            notes=tuple(self._notes),
        )
