"""Runs and streams of any graph or chain, sync or async."""

import asyncio
from typing import Any


def ran(graph: Any, mode: str, given: Any, config: Any = None, **options: Any) -> Any:
    if mode == "sync":
        return graph.invoke(given, config, **options)
    return asyncio.run(graph.ainvoke(given, config, **options))


def streamed(graph: Any, mode: str, given: Any, config: Any, **options: Any) -> list[Any]:
    if mode == "sync":
        return list(graph.stream(given, config, **options))

    async def collected() -> list[Any]:
        return [item async for item in graph.astream(given, config, **options)]

    return asyncio.run(collected())
