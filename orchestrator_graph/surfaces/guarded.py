"""A model request that private text does not leave by: another model can take it over only where that stays here.

A middleware inside ours, such as a fallback, gives the request another model. LangChain has no hook for that, but every
built-in does it by `override`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

from langchain.agents.middleware import ModelRequest

from orchestrator_graph.errors import PrivacyError
from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.registry.spec import ModelSpec

__all__ = ["Guard", "Guarded"]


@dataclass(frozen=True, slots=True)
class Guard:
    """Who may read the text of one model call.

    Attributes:
        private: Asked anew each time: a text may become private while the call is under way.
        portfolio: Who is known to be local.
        ours: Our own model, which keeps private text here by itself.
    """

    private: Callable[[], bool]
    portfolio: Portfolio
    ours: Any = None

    def check(self, model: Any) -> None:
        """Lets the model have the text, or does not.

        Raises:
            PrivacyError: The text is private, and the model is not one of the pool's local ones.
        """
        if model is self.ours or not self.private():
            return
        if any(spec.model is model and spec.is_local for spec in self.portfolio.values()):
            return
        raise PrivacyError(
            f"the text is private and {ModelSpec(model).id} is not known to be on this machine: nothing was sent to "
            "it. Put it into the pool as ModelSpec(model, local=True) if it is"
        )


@dataclass(init=False)
class Guarded(ModelRequest[Any]):
    """The request, guarded; what is derived from it is guarded as well.

    Attributes:
        guard: Asked before the model is replaced.
    """

    guard: Guard = field(kw_only=True)

    def __init__(self, *, guard: Guard, **given: Any) -> None:
        super().__init__(**given)
        object.__setattr__(self, "guard", guard)  # plain assignment is deprecated on requests

    @classmethod
    def of(cls, request: ModelRequest[Any], guard: Guard, **other: Any) -> "Guarded":
        """The request with some fields replaced, guarded from now on."""
        given = {item.name: getattr(request, item.name) for item in fields(ModelRequest)}
        return cls(guard=guard, **{**given, **other})

    def override(self, **overrides: Any) -> "ModelRequest[Any]":
        """LangChain's `override`.

        Raises:
            PrivacyError: Another model would read private text.
        """
        if "model" in overrides:
            self.guard.check(overrides["model"])
        return super().override(**overrides)
