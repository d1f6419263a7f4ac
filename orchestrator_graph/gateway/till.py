"""The bill of one call: what to set aside before it, and what it is charged after it."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Self

from orchestrator_graph.drive import Effects
from orchestrator_graph.gateway.budget import Hold, Lease, hold
from orchestrator_graph.gateway.tokens import Size, expected_tokens, size_of
from orchestrator_graph.registry.spec import ModelSpec
from orchestrator_graph.types import Failure, Request, Usage

__all__ = ["Reservation", "Till"]

SETTLING_S = 0.02
ANSWER_BOUNDS = (16_384, 4_096, 1_024, 256)
"""Answer lengths that are tried, longest first, until one fits the money that is left."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """Money set aside, and the length of answer that it pays for (`None` = the model's own bound)."""

    hold: Hold
    max_tokens: int | None


@dataclass(frozen=True, slots=True)
class Till:
    """Prices one prompt at one model."""

    spec: ModelSpec
    size: Size
    lease: Lease

    @classmethod
    def of(cls, spec: ModelSpec, request: Request, lease: Lease) -> Self:
        """The till of one request."""
        messages = request.messages
        if spec.provider == "pocket":
            messages = tuple(message for message in messages if message.type == "human")[-1:]  # it reads no other
        size = size_of(messages, spec.bytes_per_token)
        if request.tools:
            # Not in the lower bound: each server words the schemas in its own way.
            told = json.dumps(request.tools, default=str)
            more = expected_tokens(told, spec.bytes_per_token)
            size = replace(size, expected=size.expected + more, most=size.most + len(told.encode()))
        return cls(spec, size, lease)

    def too_long(self) -> Failure | None:
        """The failure of a prompt that surely does not fit (a pocket model says so itself)."""
        context, least = self.spec.context, self.size.least
        if context is None or least < context or self.spec.provider == "pocket":
            return None
        return Failure("context_overflow", f"the prompt is at least {least} tokens; {self.spec.id} takes {context}")

    @property
    def price_known(self) -> bool:
        """False for a cloud model without a price."""
        return self.spec.cost_nusd(1, 1) is not None

    def reserve(self, asked: int | None) -> Reservation | Failure:
        """Sets aside what the call can cost at most; the answer is shortened where that makes it fit.

        Args:
            asked: The answer length of the request.
        """
        spec, capped = self.spec, self.lease.capped(self.spec)
        if capped and not self.price_known:
            return Failure("budget", f"the price of {spec.id} is unknown and money is limited: set ModelSpec.price")
        amount = 0
        for bound in (asked,) if asked else ANSWER_BOUNDS if capped else ANSWER_BOUNDS[:1]:
            tokens = min(bound, spec.context or bound)
            amount = spec.cost_nusd(self.size.most, tokens) or 0
            held = hold(self.lease.budgets(spec), amount)
            if held is not None:
                return Reservation(held, tokens if asked or (capped and amount) else None)
        found = self.lease.found_left_nusd if spec.discovered else None
        left = [room for room in (self.lease.left_nusd, found) if room is not None]
        room = f" ({min(left) / 1e9:.6f} dollars are left)" if left else ""
        return Failure("budget", f"{spec.id} may cost {amount / 1e9:.6f} dollars, more than is left{room}")

    async def reserve_when_free(
        self, fx: Effects, asked: int | None, left_s: Callable[[], float]
    ) -> Reservation | Failure:
        """`reserve`, after the calls under way have settled where only their worst case is in the way."""
        while True:
            busy = self._busy()
            # A shared budget is kept in the ledger: a commit, not a matter of the event loop.
            found = self.reserve(asked) if self.lease.shared is None else await fx.offload(partial(self.reserve, asked))
            if isinstance(found, Reservation) or not (busy or self._busy()) or left_s() <= SETTLING_S:
                return found
            await fx.sleep(SETTLING_S)

    def _busy(self) -> bool:
        return any(budget.held_nusd > 0 for budget in self.lease.budgets(self.spec))

    def charge(self, usage: Usage) -> int:
        """Nano-dollars for tokens; 0 where the price is unknown."""
        return self.spec.cost_nusd(usage.input_tokens, usage.output_tokens, usage.cached_tokens) or 0

    def estimated(self, written: str = "") -> Usage:
        """Usage of a call that never reported any: its input, and the text that arrived."""
        return Usage(self.size.expected, expected_tokens(written, self.spec.bytes_per_token), measured=False)
