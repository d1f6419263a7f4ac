"""Watches a promise while it is relied on: what audits find that was lost, and how many requests are of a new kind.

Both are e-processes (`e_process`): one may look after every request for ever, and a promise that is kept is suspended
by mistake with probability `ERROR` at most, in all. Between two looks nothing is forgotten and nothing is tuned.
What it does not know: losses of requests that nobody audited. The rarer the audits, the later a shift is seen; how late
is in docs/promise.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from numpy.typing import NDArray

from orchestrator_graph.confidence.certificate import Certificate
from orchestrator_graph.confidence.e_process import EProcess
from orchestrator_graph.confidence.share_bound import share_bound

__all__ = ["ERROR", "Monitor"]

ERROR = 0.05
"""How often, at most, a promise that is kept is ever suspended; the next two are its parts."""
LOST = 0.04
NOVEL = 0.01
"""Every request is a look at novelty and few are audited: the smaller part is enough there."""
UNSURE = 0.01
"""The share of tasks outside the domain is known from n of them only: this probable is it that more were meant."""


@dataclass(frozen=True, slots=True)
class Monitor:
    """What was seen since a certificate was made; a value, replaced by `audited` and `asked`.

    Attributes:
        loss: Points lost against the reference by an audited request, against what is allowed.
        novelty: 1 for a request outside the calibration domain, else 0, against the certified share.
    """

    loss: EProcess
    novelty: EProcess

    @classmethod
    def of(cls, certificate: Certificate) -> Self:
        """Nothing was seen yet."""
        domain, n = certificate.domain, int(certificate.domain.get("n", certificate.n))
        outside = round((1 - float(domain.get("inside", 1.0))) * n)
        return cls(EProcess(certificate.max_loss, low=-1.0), EProcess(share_bound(outside, n, UNSURE)))

    def audited(self, losses: Sequence[float] | NDArray[Any]) -> Self:
        """After these audited requests: reference's score minus the policy's, in [-1, 1], oldest first."""
        return replace(self, loss=self.loss.after(losses))

    def reviewed(self, losses: Sequence[float] | NDArray[Any]) -> Self:
        """With all audited requests so far, from the first on, in place of those that were counted before."""
        fresh = EProcess(self.loss.allowed, self.loss.low).after(losses)
        return replace(self, loss=replace(fresh, peak=max(fresh.peak, self.loss.peak)))

    def asked(self, outside: Sequence[bool]) -> Self:
        """After these requests: whether each lay outside the domain. Microseconds for one."""
        return replace(self, novelty=self.novelty.after([float(one) for one in outside]))

    @property
    def alarm(self) -> str:
        """Why the promise cannot be relied on any more; `""` while it can.

        >>> new = Monitor(EProcess(0.02, low=-1.0), EProcess(0.1))
        >>> new.audited([0.0] * 100).alarm
        ''
        >>> new.audited([1.0] * 40).alarm
        '40 audited requests say that more than 2 points are lost against the reference (p=4.2e-09)'
        """
        if self.loss.p <= LOST:
            lost = f"more than {self.loss.allowed * 100:g} points are lost against the reference"
            return f"{self.loss.n} audited requests say that {lost} (p={self.loss.p:.2g})"
        if self.novelty.p <= NOVEL:
            share = f"more than {self.novelty.allowed:.1%} lie outside the domain that it was made on"
            return f"{self.novelty.n} requests say that {share} (p={self.novelty.p:.2g})"
        return ""

    @property
    def state(self) -> Mapping[str, Any]:
        """For reports: `state` active or suspended, `why`, and what was seen."""
        return {
            "state": "suspended" if self.alarm else "active",
            "why": self.alarm or "nothing speaks against it",
            "audited": self.loss.n,
            "audited_p": self.loss.p,
            "requests": self.novelty.n,
            "novelty_p": self.novelty.p,
        }
