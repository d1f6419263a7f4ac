"""What the graph tests share: scripted models and one way to run sync and async."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from orchestrator_graph import ModelSpec, Orchestrator, Policy, Price, Prior
from orchestrator_graph.testing import ScriptedChat

Script = str | Sequence[str] | Callable[[str], str]


def model(name: str, script: Script = "ok", quality: float = 0.8, price: float = 1.0, **fields: Any) -> ModelSpec:
    """A scripted model with a prior and a price, known as `test:<name>`."""
    chat = {key: fields.pop(key) for key in ("delay_s", "judges") if key in fields}
    return ModelSpec(
        ScriptedChat(model=name, script=script, **chat),
        alias=f"test:{name}",
        price=Price(price, price),
        priors={"*": Prior(quality, 50, "test")},
        **fields,
    )


@contextmanager
def orchestrated(*models: ModelSpec, **options: Any) -> Iterator[Orchestrator]:
    """An orchestrator over these models that is closed at the end."""
    with Orchestrator(list(models), **options) as orchestrator:
        yield orchestrator


def run(
    orchestrator: Orchestrator, mode: str, text: str, policy: Policy | None = None, **config: Any
) -> dict[str, Any]:
    """One task, sync or async."""
    given = {"messages": [("user", text)]}
    options: Any = {"context": policy, "config": config or None}
    if mode == "sync":
        return dict(orchestrator.graph.invoke(given, **options))

    return dict(asyncio.run(orchestrator.graph.ainvoke(given, **options)))


def resume(orchestrator: Orchestrator, mode: str, **config: Any) -> dict[str, Any]:
    """Goes on with a thread where it stopped, sync or async."""
    options: Any = {"config": config}
    if mode == "sync":
        return dict(orchestrator.graph.invoke(None, **options))
    return dict(asyncio.run(orchestrator.graph.ainvoke(None, **options)))
