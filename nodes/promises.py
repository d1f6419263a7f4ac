"""The certificates in force, by tenant: read, verified and watched, so that a decision finds its promise at hand.

One that was named and is not right is an error before anything is paid. One that merely lies in the ledger and is not
right is a note, and the strict guard goes on without it. What is suspended stays suspended, in every process.
"""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator_graph.bounded import within
from orchestrator_graph.confidence.certificate import KEY_VARIABLE, Certificate, verify
from orchestrator_graph.drive import SYNC, Effects, drive
from orchestrator_graph.errors import CertificateError, MemoryStoreError
from orchestrator_graph.memory import Memory
from orchestrator_graph.memory.certificates import Stored, newest, store, stored, suspend
from orchestrator_graph.memory.past import space_in_use
from orchestrator_graph.policy import Policy
from orchestrator_graph.registry.fingerprint import model_fingerprint
from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.routing.promise import Promise, Promised, under
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.types import Features

if TYPE_CHECKING:
    from orchestrator_graph.confidence.monitor import Monitor
    from orchestrator_graph.types.history import History

__all__ = ["Promises", "Standing"]

MOST = 4096
FRESH_S = 60.0
"""Another process's suspension, and the clock's, are noticed after so many seconds."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What holds for a tenant: the promise; or none, and whether the strict guard is to go on without it."""

    promise: Promise | None = None
    notes: tuple[str, ...] = ()

    def over(self, policy: Policy) -> Policy:
        """The policy as the certificate wants it."""
        if self.promise is not None:
            return self.promise.over(policy)
        return under(policy, None) if self.notes else policy

    def told(self, policy: Policy, now: Situation, features: Features) -> Promised | None:
        """What is promised of a task, its vector being in `now`."""
        return None if self.promise is None else self.promise.told(policy, now, features)


class Promises:
    """Verified certificates of this process. Safe from threads.

    Args:
        named: A file; True = the newest in the ledger, which has to be there; `None` = the newest, if there is one;
            False = none.
        clock: Seconds since the epoch.
    """

    def __init__(self, named: str | Path | bool | None = None, clock: Callable[[], float] = time.time) -> None:
        self.references: dict[str, str] = {}
        """Certificate id -> the reference, for the bill."""
        self._named = named
        self._clock = clock
        self._held: dict[tuple[str, str], tuple[float, Standing]] = {}
        self._watched: dict[str, tuple[Certificate, Promise, Monitor]] = {}
        self._lock = threading.RLock()

    async def of(self, fx: Effects, memory: Memory, policy: Policy, portfolio: Portfolio) -> Standing:
        """What holds for this policy's tenant with these models; looked at again every minute.

        Of a deadline it takes at most a quarter.

        Raises:
            CertificateError: The certificate that was named cannot be believed here.
        """
        if self._named is False:
            return Standing()
        key = (policy.tenant, portfolio.fingerprint())
        read_at, held = self._held.get(key, (-FRESH_S, None))
        if held is not None and self._clock() - read_at < FRESH_S:
            return held
        within_s = None if policy.deadline_s is None else policy.deadline_s / 4
        try:
            standing = await within(fx, within_s, partial(self._read, memory, policy.tenant, portfolio))
        except (MemoryStoreError, TimeoutError) as error:
            # Whether it was suspended cannot be known: nothing is proved until the memory is back.
            return Standing(notes=(f"certificate not checked: {error}",)) if self._named else Standing()
        except CertificateError as error:
            if self._named:
                raise
            standing = Standing(notes=(f"{error}; the strict guard goes on without it",))
        if len(self._held) >= MOST:
            self._held.clear()
        self._held[key] = (self._clock(), standing)
        return standing

    async def _read(self, memory: Memory, tenant: str, portfolio: Portfolio, fx: Effects) -> Standing:
        found = await self._found(fx, memory, tenant)
        if found is None:
            return Standing()
        certificate, suspended = found
        models = {name: model_fingerprint(spec) for name, spec in portfolio.items()}
        space = await space_in_use(fx, memory)
        verify(certificate, tenant=tenant, space=space, models=models, now=self._clock())
        return Standing(self._watch(certificate, suspended))

    async def _found(self, fx: Effects, memory: Memory, tenant: str) -> tuple[Certificate, str] | None:
        key = os.environ.get(KEY_VARIABLE)
        if isinstance(self._named, (str, Path)):
            certificate = Certificate.load(Path(self._named).expanduser(), key)
            text = Stored(certificate.id, certificate.tenant, certificate.text(key), certificate.created_at)
            if certificate.tenant == tenant:  # a foreign one is refused, and stands in for none of that tenant's
                await store(fx, memory, text)
            kept = await stored(fx, memory, name=certificate.id)
            return certificate, kept[0].suspended if kept else ""
        last = await newest(fx, memory, tenant)
        if last is None and self._named:
            problem = f"certificate = True: none is remembered for tenant {tenant!r}"
            raise CertificateError(f"{problem}; make one: orchestrator certify, or name its file")
        return None if last is None else (Certificate.parse(last.content, key, "in the ledger"), last.suspended)

    def _watch(self, certificate: Certificate, suspended: str) -> Promise:
        from orchestrator_graph.confidence.monitor import Monitor
        from orchestrator_graph.routing.gate import Gate

        with self._lock:
            if certificate.id not in self._watched:
                gate = Gate.from_json(dict(certificate.gate))
                promise = Promise(
                    certificate.id, gate, certificate.max_loss, certificate.confidence, certificate.n, suspended
                )
                self.references[certificate.id] = certificate.reference
                self._watched[certificate.id] = (certificate, promise, Monitor.of(certificate))
            _, promise, monitor = self._watched[certificate.id]
            if suspended and not promise.suspended:
                promise = replace(promise, suspended=suspended)
                self._watched[certificate.id] = (certificate, promise, monitor)
            return promise

    def renewed(self) -> None:
        """A certificate was made: it is looked for at the next request, not in a minute."""
        self._held.clear()

    async def asked(self, fx: Effects, memory: Memory, promised: Promised | None) -> None:
        """Counts a request as inside or outside the domain, and suspends the promise where too many are outside."""
        if promised is None or promised.barred:
            return
        with self._lock:
            certificate, promise, monitor = self._watched[promised.certificate]
            monitor = monitor.asked([not promised.inside])
            self._watched[certificate.id] = (certificate, promise, monitor)
        await self._heed(fx, memory, certificate.id)

    def learn(self, memory: Memory, history: "History") -> None:
        """Looks at what audits and votes say of what was asked since; called off the request path."""
        from orchestrator_graph.confidence.paired_losses import paired_losses

        for certificate, promise, _ in list(self._watched.values()):
            if (history.tenant, history.space) != (certificate.tenant, certificate.space):
                continue
            share = float(certificate.domain.get("deviates", 1.0))
            choose, since = promise.gate.choose, certificate.created_at
            losses = paired_losses(history, certificate.reference, choose, since, share)
            with self._lock:
                _, promise, monitor = self._watched[certificate.id]  # another thread may have suspended it meanwhile
                monitor = monitor.reviewed(losses)
                self._watched[certificate.id] = (certificate, promise, monitor)
            drive(self._heed(SYNC, memory, certificate.id))

    async def _heed(self, fx: Effects, memory: Memory, name: str) -> None:
        """Suspends what the monitor cannot stand by, here at once and in the ledger for the others."""
        with self._lock:
            certificate, promise, monitor = self._watched[name]
            if promise.suspended or not monitor.alarm:
                return
            reason = monitor.alarm
            self._watched[name] = (certificate, replace(promise, suspended=reason), monitor)
            self._held.clear()
        try:
            await suspend(fx, memory, name, reason)
        except MemoryStoreError as error:
            unsaid = replace(promise, suspended=f"{reason} (other processes were not told: {error})")
            self._watched[name] = (certificate, unsaid, monitor)
