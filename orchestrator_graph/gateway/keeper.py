"""What a gateway does with Ollama's models besides calling them: says how they stand, loads, keeps and unloads them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from orchestrator_graph.drive import Effects
from orchestrator_graph.gateway.desk import Desk
from orchestrator_graph.gateway.keep_alive import keep_alive_of
from orchestrator_graph.gateway.lifecycle import Change, Lifecycle, ModelState
from orchestrator_graph.gateway.named import Named
from orchestrator_graph.gateway.roster import Roster
from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.registry.spec import ModelSpec

__all__ = ["Keeper"]


@dataclass(frozen=True, slots=True)
class Keeper:
    """The gateway's hand on Ollama's memory. A model is an id of the portfolio, any `ollama:NAME`, or a `ModelSpec`."""

    lifecycle: Lifecycle
    desk: Desk
    roster: Roster
    environ: Mapping[str, str]

    async def states(self, fx: Effects, models: Iterable[str | ModelSpec] = ()) -> list[ModelState]:
        """How these models stand, or all of Ollama's in the portfolio.

        Raises:
            RegistryError: A server does not answer.
        """
        wanted = [self._spec(model) for model in models or self.roster.of() or ()]
        return await fx.offload(partial(self.lifecycle.states, wanted))

    async def load(self, fx: Effects, model: str | ModelSpec) -> Change:
        """Loads a model with its one context, unless a call would find it ready.

        Raises:
            RegistryError: It is not one of Ollama's, is not pulled, or no Ollama answers.
        """
        return await fx.offload(partial(self.lifecycle.load, self._spec(model)))

    async def keep(self, fx: Effects, model: str | ModelSpec, keep_alive: str = "-1") -> Change:
        """Loads a model and holds it for so long after each call from now on; -1 = for ever.

        Raises:
            RegistryError: As `load`.
            InputError: No such duration.
        """
        spec = self._spec(model)
        keep_alive_of(keep_alive)
        change = await fx.offload(partial(self.lifecycle.load, spec, keep_alive))
        if change.done and spec.id in (self.roster.of() or ()):
            self.roster.exchange(partial(self._kept, spec.id, keep_alive))
        return change

    def _kept(self, model_id: str, keep_alive: str) -> Portfolio:
        known = self.roster.of() or Portfolio(())
        return Portfolio(
            (replace(spec, keep_alive=keep_alive) if spec.id == model_id else spec for spec in known.values()),
            known.notes,
        )

    async def unload(self, fx: Effects, model: str | ModelSpec, *, force: bool = False) -> Change:
        """Unloads a model that nobody uses; `force`: though another program may want it, never what we use.

        Raises:
            RegistryError: As `load`.
        """
        return await fx.offload(partial(self.lifecycle.unload, self._spec(model), force=force))

    def preload(self, models: Iterable[ModelSpec], run_id: str) -> None:
        """Loads what a run will ask next, where there is room, in the background."""
        self.desk.preloads.start(models, run_id)

    def load_s(self, models: Mapping[str, ModelSpec]) -> dict[str, float]:
        """Seconds that a call would wait for its model, by id, where Ollama is known not to hold it now. At once."""
        speeds, residence = self.desk.speeds, self.desk.residence
        waits = ((key, residence.load_s(spec, speeds.load_s(key))) for key, spec in models.items())
        return {key: seconds for key, seconds in waits if seconds is not None}

    def stats(self) -> dict[str, float]:
        """Hits, misses and saved milliseconds of what was loaded ahead."""
        return self.desk.preloads.tally.report()

    def refused(self) -> dict[str, str]:
        """Why models that would have been asked next were not loaded ahead, by id."""
        return dict(self.desk.preloads.refused)

    def _spec(self, model: str | ModelSpec) -> ModelSpec:
        known: Mapping[str, ModelSpec] = self.roster.of() or {}
        spec = known.get(model, ModelSpec(model)) if isinstance(model, str) else model
        return Named(self.environ).located(spec)
