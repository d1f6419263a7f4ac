"""`Gateway`, the only door to a model. Its constructor only stores: nothing is read or connected before it is used."""

import os
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator_graph.drive import Effects
from orchestrator_graph.errors import RegistryError
from orchestrator_graph.gateway.ask import Heard
from orchestrator_graph.gateway.breaker import BreakerRule, Breakers
from orchestrator_graph.gateway.budget import Lease
from orchestrator_graph.gateway.build import build_embeddings, key_of, load_sdks
from orchestrator_graph.gateway.call import Call
from orchestrator_graph.gateway.clients import Clients, endpoint_key
from orchestrator_graph.gateway.desk import Desk
from orchestrator_graph.gateway.discovery import Discovery, Filler, Models
from orchestrator_graph.gateway.egress import is_loopback_url
from orchestrator_graph.gateway.energy import POWERCAP, Powercap
from orchestrator_graph.gateway.keeper import Keeper
from orchestrator_graph.gateway.leases import Leases
from orchestrator_graph.gateway.lifecycle import Lifecycle
from orchestrator_graph.gateway.line import Line
from orchestrator_graph.gateway.named import Named
from orchestrator_graph.gateway.preload import Preloads
from orchestrator_graph.gateway.residence import Residence
from orchestrator_graph.gateway.retry import Retry, next_action
from orchestrator_graph.gateway.roster import Roster
from orchestrator_graph.gateway.speed import Speeds
from orchestrator_graph.gateway.telemetry import watched
from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.registry.spec import ModelSpec
from orchestrator_graph.types import Attempt, Request

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings

__all__ = ["Gateway", "next_action"]


class Gateway(Leases):
    """The only door to a model. Safe to share between threads and event loops.

    Args:
        models: `None` = what is found; "pocket"; "provider:name" strings, chat models of LangChain, `ModelSpec`s.
        catalogue: Fills gaps of specs; `None` = they stay.
        environ: Where hosts and keys are read; `None` = the process's environment at first use.
        clock: Monotonic seconds.
        retry, breaker: How patiently a model is asked again, and when it is left alone.
        powercap: Where the kernel shows energy counters.

    Attributes:
        models: How Ollama's models stand; loads, keeps and unloads them.
    """

    def __init__(
        self,
        models: Models = None,
        *,
        catalogue: Filler | None = None,
        environ: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
        retry: Retry | None = None,
        breaker: BreakerRule | None = None,
        powercap: Path = POWERCAP,
    ) -> None:
        super().__init__(clock)
        self._models, self._catalogue = models, catalogue
        self._environ = os.environ if environ is None else environ
        self._lines: dict[tuple[object, ...], Line] = {}
        self._roster = Roster(self._adopt)
        self._clients, residence, speeds = Clients(self._environ), Residence(), Speeds()
        lifecycle = Lifecycle(residence, self._clients, speeds)
        self._desk = Desk(
            self._clients,
            Breakers(breaker or BreakerRule(), clock),
            speeds,
            retry or Retry(),
            clock,
            residence,
            Preloads(lifecycle, residence, self._environ),
            Powercap(powercap),
        )
        self.models = Keeper(lifecycle, self._desk, self._roster, self._environ)

    async def portfolio(self, fx: Effects, run_id: str = "") -> Portfolio:
        """The models, discovered at first use; those that a run began with, while it is under way.

        Raises:
            RegistryError: Nothing was found, or something named is not there; names the ways on.
        """
        known, discovery = self._roster.of(run_id), Discovery(self._environ, self._catalogue)
        if known is not None:
            return known
        return await fx.offload(lambda: self._roster.first(lambda: discovery.portfolio(self._models)))

    async def replace(self, fx: Effects, models: Models) -> Portfolio:
        """Other models, prices or limits from the next run on; runs under way keep theirs.

        Models that are gone lose their clients when their last call ends, and what was measured of them.

        Raises:
            RegistryError: As `portfolio`; then everything stays as it was.
        """
        discovery = Discovery(self._environ, self._catalogue)
        found = await fx.offload(lambda: self._roster.exchange(lambda: discovery.portfolio(models)))
        self._clients.retire(self._roster.live())
        return found

    def pin(self, run_id: str, portfolio: Portfolio) -> None:
        """The run keeps this portfolio until `release`."""
        self._roster.pin(run_id, portfolio)

    def release(self, task_id: str) -> None:
        """Forgets a run's lease and models; an unknown one is ignored."""
        super().release(task_id)
        self._desk.preloads.end(task_id)
        if self._roster.unpin(task_id):
            self._clients.retire(self._roster.live())

    def _adopt(self, old: Portfolio, new: Portfolio) -> None:
        moved = [key for key in old if key not in new or endpoint_key(old[key]) != endpoint_key(new[key])]
        self._desk.breakers.forget(moved)
        for model_id in moved:
            self._desk.speeds.forget(model_id)
            self._desk.plain.discard(model_id)
        self._desk.breakers.watch(new)
        self._desk.secrets.update(key for spec in new.values() if (key := key_of(spec, self._environ)))

    async def warm(self, fx: Effects) -> None:
        """Imports the SDKs that the portfolio may need, so that a deadline does not pay for it (seconds when cold)."""
        await fx.offload(partial(load_sdks, (await self.portfolio(fx)).values()))

    async def call(
        self,
        fx: Effects,
        model_id: str,
        request: Request,
        lease: Lease,
        *,
        on_token: Callable[[str], None] | None = None,
        on_chunk: Callable[[Any], None] | None = None,
    ) -> Attempt:
        """Asks one model. Every failure of the model, its server or its budget is in the attempt.

        Args:
            fx: Effects.
            model_id: Id in the portfolio.
            request: What is asked.
            lease: What the task may take.
            on_token: Given each piece of text as it comes, maybe from another thread; `on_chunk` each chunk.
            on_chunk: See `on_token`.

        Raises:
            RegistryError: No such model in the portfolio.
        """
        portfolio = await self.portfolio(fx, lease.task_id)
        if model_id not in portfolio:
            raise RegistryError(f"no model {model_id!r} in the portfolio. Known: {', '.join(portfolio)}")
        spec = portfolio[model_id]
        key = (endpoint_key(spec), spec.max_in_flight, spec.requests_per_minute)
        line = self._lines.get(key) or self._lines.setdefault(key, Line(spec))
        call = Call(self._desk, line, spec, request, lease, partial(Heard, on_token, on_chunk))
        return await watched(call.run(fx), spec, request, lease)

    def healthy(self, model_id: str) -> bool:
        """False while the model is left alone because it kept failing."""
        return self._desk.breakers.healthy(model_id)

    def tail(self, model_id: str) -> float | None:
        """How slow a slow call is: its 95th percentile over the median; `None` before twenty calls."""
        return self._desk.speeds.tail(model_id)

    def seconds_per_call(self, model_id: str) -> tuple[float, float, int] | None:
        """Measured (seconds to the first token once loaded, seconds per token, n); `None` before the first call."""
        return self._desk.speeds.of(model_id)

    def embeddings(self, model_id: str) -> "Embeddings":
        """A client such as "ollama:all-minilm", closed with the gateway."""
        spec = Named(self._environ).located(ModelSpec(model_id))
        lent = self._clients.borrow(spec, None, build_embeddings)
        self._clients.give_back(lent)
        self.models.lifecycle.lend(spec)
        client: Embeddings = lent.client
        return client

    def embeds_here(self, model_id: str) -> bool:
        """Whether that embedder's texts stay on this machine."""
        spec = Named(self._environ).located(ModelSpec(model_id))
        return spec.is_local and is_loopback_url(spec.base_url or "")

    def close(self) -> None:
        """Closes idle clients now and the others when their calls end."""
        self._clients.close()

    async def aclose(self) -> None:
        """`close`, which awaits the running loop's clients."""
        await self._clients.aclose()
