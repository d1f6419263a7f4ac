"""The parts behind an orchestrator: what arguments and file say becomes gateway, memory, estimators and graph.

Constructors only store; each part is made at its first use.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator_graph.confidence.agreement import Collisions
from orchestrator_graph.confidence.calibration import Calibration
from orchestrator_graph.confidence.replay import Replay
from orchestrator_graph.confidence.shifts import Shifts
from orchestrator_graph.gateway.door import Gateway
from orchestrator_graph.memory import Memory
from orchestrator_graph.nodes.shape import shape_of
from orchestrator_graph.nodes.toolbox import toolbox_of
from orchestrator_graph.policy import Policy
from orchestrator_graph.registry.spec import ModelSpec
from orchestrator_graph.routing.change import forgotten
from orchestrator_graph.routing.defaults import default_estimators
from orchestrator_graph.routing.estimator import Estimator, Learner
from orchestrator_graph.routing.guard import Pairs
from orchestrator_graph.routing.oof import out_of_fold
from orchestrator_graph.routing.rules import parse_rules
from orchestrator_graph.wiring import gateway_of, memory_of

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings
    from langchain_core.language_models import BaseChatModel
    from langgraph.graph.state import CompiledStateGraph

    from orchestrator_graph.confidence.scorer import Check
    from orchestrator_graph.config import Config
    from orchestrator_graph.nodes.io import Services
    from orchestrator_graph.nodes.promises import Promises
    from orchestrator_graph.registry.portfolio import Portfolio
    from orchestrator_graph.types.history import History

    Models = Sequence[str | BaseChatModel | ModelSpec] | str | None
    Graph = CompiledStateGraph[Any, Any, Any, Any]

__all__ = ["Assembly"]


class Assembly:
    """Models, memory and policy made into one graph; `Orchestrator` says what the arguments are."""

    def __init__(
        self,
        models: "Models" = None,
        *,
        memory: "str | Path | Memory | None" = None,
        embedder: "Embeddings | str | None" = None,
        policy: Policy | dict[str, Any] | None = None,
        config: "Config | None" = None,
        system_prompt: str = "",
        estimators: Sequence[Estimator] = (),
        certificate: "str | Path | bool | None" = None,
        checks: "Mapping[str, Check | Mapping[str, Any]] | None" = None,
        tools: Sequence[Any] = (),
        response_format: Any = None,
        **compile_options: Any,
    ) -> None:
        self._models = models
        self._memory = memory
        self._embedder = embedder
        self._policy = policy
        self._config = config
        self._system_prompt = system_prompt
        self._estimators = tuple(estimators)
        self._certificate = certificate
        self._checks = dict(checks or {})
        self._toolbox, self._shape = toolbox_of(tools), shape_of(response_format)
        self._pairs, self._collisions, self._shifts = Pairs(), Collisions(), Shifts()
        self._compile_options = compile_options

    @cached_property
    def policy(self) -> Policy:
        """The default policy: the call's own fields over those of the file."""
        own = Policy.parse(self._policy)
        return own if self._config is None else self._config.policy.overlaid(own)

    @property
    def given(self) -> list[ModelSpec]:
        """The models as they were given; nothing is connected to find out. Empty = what is found."""
        given = self._models
        if given is None and self._config is not None:
            given = self._config.models
        items = [given] if isinstance(given, str) else given or ()
        return [item if isinstance(item, ModelSpec) else ModelSpec(item) for item in items]

    @property
    def named(self) -> list[str]:
        """Ids of the models as they were given."""
        return [spec.id for spec in self.given]

    def _exchanged(self, models: "Models", found: "Portfolio") -> "Portfolio":
        self._models = models
        return found

    @cached_property
    def gateway(self) -> Gateway:
        """The door to all models."""
        return gateway_of(self._models, self._config)

    @cached_property
    def memory(self) -> Memory:
        """What is remembered."""
        found = self._models is None and (self._config is None or self._config.models is None)
        memory = memory_of(self._memory, self._embedder, self._config, self.gateway, found=found)
        memory.taught(self._learn)
        return memory

    def _learn(self, history: "History") -> None:
        """Teaches every learner; what came before a change for the worse or better counts little."""
        self._promises.learn(self.memory, history)  # all of it: a test may not drop what speaks against it
        recent = forgotten(history) if len(history) else history
        own: list[Learner] = [self._pairs, self._collisions, self._calibration, self._shifts, self._replay]
        for learner in (*own, *(one for one in self.estimators if isinstance(one, Learner))):
            learner.learn(recent)

    @cached_property
    def _promises(self) -> "Promises":
        from orchestrator_graph.nodes.promises import Promises

        of_file = None if self._config is None else self._config.certificate
        return Promises(of_file if self._certificate is None else self._certificate)

    @cached_property
    def _calibration(self) -> Calibration:
        return Calibration(out_of_fold)

    @cached_property
    def _replay(self) -> Replay:
        return Replay(self._calibration, self._collisions)

    @cached_property
    def estimators(self) -> tuple[Estimator, ...]:
        """What beliefs are made by: the file's rules, and the estimators given or the default ones."""
        chosen, config = self._estimators or default_estimators(), self._config
        return (parse_rules(config.rules, config.path or ""), *chosen) if config and config.rules else chosen

    @cached_property
    def services(self) -> "Services":
        """What the nodes are bound to."""
        from orchestrator_graph.confidence.given import given_check
        from orchestrator_graph.nodes.io import Services
        from orchestrator_graph.nodes.pace import paces

        budgets = self._config.budgets if self._config else {}
        return Services(
            owner=self,
            gateway=self.gateway,
            memory=self.memory,
            policy=self.policy,
            system_prompt=self._system_prompt,
            shape=self._shape,
            toolbox=self._toolbox,
            estimators=self.estimators,
            pairs=self._pairs,
            checks={name: c if callable(c) else given_check(c) for name, c in self._checks.items()},
            promises=self._promises,
            collisions=self._collisions,
            calibration=self._calibration,
            shifts=self._shifts,
            replay=self._replay,
            budgets=budgets,
            paces=paces(budgets),
        )

    @cached_property
    def graph(self) -> "Graph":
        """The compiled graph; `invoke`, `ainvoke`, `stream`, and a node of any other graph."""
        from orchestrator_graph.graph import build_graph

        return build_graph(self.services, **self._compile_options)

    def close(self) -> None:
        """Closes clients and memory; what was acknowledged is kept."""
        for part in self._made:
            part.close()

    async def aclose(self) -> None:
        """`close`, async."""
        for part in self._made:
            await part.aclose()

    @property
    def _made(self) -> list[Any]:
        return [self.__dict__[name] for name in ("memory", "gateway") if name in self.__dict__]
