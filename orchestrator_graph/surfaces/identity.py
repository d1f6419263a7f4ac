"""What an answer of the pool depends on, so that a cache never gives the answer of another pool or policy."""

import hashlib
from dataclasses import fields
from typing import Any

from orchestrator_graph.orchestrator import Orchestrator
from orchestrator_graph.policy import Policy
from orchestrator_graph.registry.spec import ModelSpec

__all__ = ["identity_of"]


def identity_of(orchestrator: Orchestrator, policy: Policy) -> dict[str, Any]:
    """Names of the models and the policy in the open; all else of them, and the system prompt, as a short hash.

    Args:
        orchestrator: Whose pool. Nothing is connected to find out.
        policy: Laid over the orchestrator's.
    """
    over = orchestrator.policy.overlaid(policy).model_dump(mode="json", exclude_defaults=True)
    said = "\n".join([*map(_details, orchestrator.given), orchestrator.services.system_prompt])
    digest = hashlib.sha256(said.encode()).hexdigest()[:16]
    return {"models": orchestrator.named, "policy": over, "details": digest}


def _details(spec: ModelSpec) -> str:
    own = getattr(spec.model, "_identifying_params", spec.model)
    return f"{own} {[(f.name, _steady(getattr(spec, f.name))) for f in fields(spec) if f.name != 'model']}"


def _steady(value: Any) -> Any:
    """Sets in order: else the same model has another hash in each process."""
    return sorted(value) if isinstance(value, frozenset) else value
