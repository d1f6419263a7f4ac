"""The orchestrator that file and command line describe together. Calls nothing."""

import os
from typing import TYPE_CHECKING

from orchestrator_graph.config import Config, load, user_folder
from orchestrator_graph.errors import MemoryStoreError
from orchestrator_graph.policy import Policy

if TYPE_CHECKING:
    from orchestrator_graph.orchestrator import Orchestrator

__all__ = ["opened"]


def opened(
    models: list[str] | None, memory: str | None, policy: Policy, config: Config | None = None
) -> "Orchestrator":
    """The orchestrator that file and command line describe; the command line wins."""
    config = load() if config is None else config
    described = {spec.id: spec for spec in config.model_specs}
    wanted = [described.get(name, name) for name in models] if models else config.models
    where = memory or config.memory or str(user_folder("data", os.environ) / "memory")

    from orchestrator_graph.orchestrator import Orchestrator

    orchestrator = Orchestrator(
        models="pocket" if wanted == ["pocket"] else wanted,
        memory=None if where == "none" else where,
        policy=policy,
        config=config,
    )
    if memory and memory != "none":
        _check_memory(orchestrator, memory)
    return orchestrator


def _check_memory(orchestrator: "Orchestrator", where: str) -> None:
    """Opens the memory that was asked for by name: without it the task is not begun."""
    from orchestrator_graph.drive import SYNC, drive

    try:
        drive(orchestrator.memory.spent_nusd(SYNC, run_id=""))
    except MemoryStoreError as error:
        scheme, url, _ = where.partition("://")  # a URL may hold a password; the error names the rest
        raise MemoryStoreError(f"--memory {scheme}{url and '://...'}: {error}") from None
