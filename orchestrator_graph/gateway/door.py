"""`Gateway`, the only door to a model: finds models, leases budgets, makes calls, closes clients.

The constructor only stores; nothing is read, built or connected before the first use.
"""

import importlib
import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from orchestrator_graph.drive import Effects
from orchestrator_graph.errors import RegistryError
from orchestrator_graph.gateway.breaker import BreakerRule, Breakers
from orchestrator_graph.gateway.budget import Budget, Lease, SharedBudget
from orchestrator_graph.gateway.build import build_embeddings, key_of
from orchestrator_graph.gateway.call import Call
from orchestrator_graph.gateway.clients import Clients
from orchestrator_graph.gateway.desk import Desk
from orchestrator_graph.gateway.discovery import Discovery, Filler, Models
from orchestrator_graph.gateway.egress import is_loopback_url
from orchestrator_graph.gateway.line import Line
from orchestrator_graph.gateway.named import Named
from orchestrator_graph.gateway.retry import Retry, next_action
from orchestrator_graph.gateway.speed import Speeds
from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.registry.spec import ModelSpec
from orchestrator_graph.types import Attempt, Request

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings

__all__ = ["Gateway", "next_action"]

SDKS = {"ollama": "langchain_ollama", "openai": "langchain_openai", "azure": "langchain_openai"}
MOST_LEASES = 4096  # runs that were abandoned, at an interrupt for instance
FOUND_CAP_NUSD = 50_000_000  # 0.05 dollars: a key that was found is no permission to spend


class Gateway:
    """The only door to a model. Safe to share between threads and event loops.

    Args:
        models: `None` = what is found; "pocket"; "provider:name" strings, chat models of LangChain, `ModelSpec`s.
        catalogue: Fills gaps of specs; `None` = they stay.
        environ: Where hosts and keys are read; `None` = the process's environment at first use.
        clock: Monotonic seconds.
        retry: How often and how patiently one model is asked again.
        breaker: When a failing model is left alone.
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
    ) -> None:
        self._models = models
        self._catalogue = catalogue
        self._environ = os.environ if environ is None else environ
        self._clock = clock
        self._clients = Clients(self._environ)
        self._breakers = Breakers(breaker or BreakerRule(), clock)
        self._speeds = Speeds()
        self._retry = retry or Retry()
        self._portfolio: Portfolio | None = None
        self._desk: Desk | None = None
        self._lines: dict[str, Line] = {}
        self._leases: dict[str, Lease] = {}
        self._shared: dict[tuple[str, float], Budget] = {}
        self._lock, self._finding = threading.Lock(), threading.Lock()

    async def portfolio(self, fx: Effects) -> Portfolio:
        """The models, discovered at first use.

        Raises:
            RegistryError: Nothing was found, or something named is not there; names the ways on.
        """
        return self._portfolio if self._portfolio is not None else await fx.offload(self._find)

    def _find(self) -> Portfolio:
        with self._finding:
            if self._portfolio is None:
                found = Discovery(self._environ, self._catalogue).portfolio(self._models)
                keys = {key_of(spec, self._environ) for spec in found.values()} - {None}
                secrets = tuple(key for key in keys if key)
                self._lines = {spec.id: Line(spec) for spec in found.values()}
                self._desk = Desk(self._clients, self._breakers, self._speeds, self._retry, self._clock, secrets)
                self._breakers.watch(found)
                self._portfolio = found
            return self._portfolio

    async def warm(self, fx: Effects) -> None:
        """Imports the SDKs that the portfolio may need, so that a deadline does not pay for it (seconds when cold)."""
        portfolio = await self.portfolio(fx)
        names = {SDKS[spec.provider] for spec in portfolio.values() if spec.provider in SDKS}
        await fx.offload(lambda: [importlib.import_module(name) for name in sorted(names)])

    def lease(
        self,
        task_id: str,
        *,
        cap_nusd: int | None,
        deadline_s: float | None,
        spent_nusd: int = 0,
        found_cap_nusd: int = FOUND_CAP_NUSD,
        shared: SharedBudget | None = None,
    ) -> Lease:
        """What a task may take; the same lease until `release`.

        Args:
            task_id: Id of the run.
            cap_nusd: Hard limit of the task's bill; `None` = none.
            deadline_s: Seconds from now.
            spent_nusd: Spent before, when a run is resumed.
            found_cap_nusd: For discovered cloud models where the task has none.
            shared: One that other tasks draw on too.
        """
        with self._lock:
            if task_id not in self._leases:
                while len(self._leases) >= MOST_LEASES:
                    self._leases.pop(next(iter(self._leases)))
                deadline = None if deadline_s is None else self._clock() + deadline_s
                money, found = Budget(cap_nusd, spent_nusd), Budget(found_cap_nusd, spent_nusd)
                self._leases[task_id] = Lease(task_id, money, found, shared, deadline, self._clock)
            return self._leases[task_id]

    def held(self, task_id: str) -> Lease | None:
        """The lease of a task, if there is one."""
        return self._leases.get(task_id)

    def release(self, task_id: str) -> None:
        """Forgets a task's lease; an unknown one is ignored."""
        self._leases.pop(task_id, None)

    def shared_budget(self, name: str, limit_nusd: int, spent_nusd: int, since: float) -> SharedBudget:
        """The budget of this process under a name and a period; created with what the ledger says was spent."""
        with self._lock:
            return self._shared.setdefault((name, since), Budget(limit_nusd, spent_nusd))

    async def call(
        self,
        fx: Effects,
        model_id: str,
        request: Request,
        lease: Lease,
        *,
        on_token: Callable[[str], None] | None = None,
    ) -> Attempt:
        """Asks one model. Every failure of the model, its server or its budget is in the attempt.

        Args:
            fx: Effects.
            model_id: Id in the portfolio.
            request: What is asked.
            lease: What the task may take.
            on_token: Given each piece of text as it comes, maybe from another thread.

        Raises:
            RegistryError: No such model in the portfolio.
        """
        portfolio = await self.portfolio(fx)
        if model_id not in portfolio or self._desk is None:
            raise RegistryError(f"no model {model_id!r} in the portfolio. Known: {', '.join(portfolio)}")
        spec = portfolio[model_id]
        return await Call(self._desk, self._lines[model_id], spec, request, lease, on_token).run(fx)

    def healthy(self, model_id: str) -> bool:
        """False while the model is left alone because it kept failing."""
        return self._breakers.healthy(model_id)

    def seconds_per_call(self, model_id: str) -> tuple[float, float, int] | None:
        """Measured (seconds to the first token, seconds per token, n); `None` before the first call."""
        return self._speeds.of(model_id)

    def embeddings(self, model_id: str) -> "Embeddings":
        """A client such as "ollama:all-minilm", closed with the gateway."""
        spec = Named(self._environ).located(ModelSpec(model_id))
        lent = self._clients.borrow(spec, None, build_embeddings)
        self._clients.give_back(lent)
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
