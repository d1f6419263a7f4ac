"""What stands between an app and its model: chat model, middleware and endpoint against the bare model, in one run.

Both sides ask the same server, one after the other, in turns; figures are medians of milliseconds, the median of the
paired differences with its 95 % bootstrap interval, and the ratio of the medians. Route-only, built-in embedder (no
embedding model is asked), memory in RAM. With $OLLAMA_HOST set the endpoint stands before that Ollama, too.
"""

import asyncio
import os
import random
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks.stand_in import child, free_port, stand_in

REPEATS, WARM_UP, DRAWS = 200, 20, 1000
SAME: Any = {"max_tokens": 24, "temperature": 0, "seed": 0}
"""Both sides are to write the same words: ours would be greedy by itself, Ollama's own endpoint would not."""
SERVE = "from orchestrator_graph.cli import main; main()"
TASK = "Which country has the capital number {}? Answer in one sentence."

Ask = Callable[[str], tuple[float, float]]
"""Asks one question; (seconds to the first text, seconds in all)."""


def timed_stream(stream: Callable[[str], Any], text_of: Callable[[Any], str]) -> Ask:
    """An `Ask` over a stream of chunks."""

    def ask(text: str) -> tuple[float, float]:
        began, first = time.perf_counter(), 0.0
        for chunk in stream(text):
            if not first and text_of(chunk):
                first = time.perf_counter() - began
        return first, time.perf_counter() - began

    return ask


def timed(invoke: Callable[[str], Any]) -> Ask:
    """An `Ask` that waits for the whole answer."""

    def ask(text: str) -> tuple[float, float]:
        began = time.perf_counter()
        invoke(text)
        return 0.0, time.perf_counter() - began

    return ask


def compare(name: str, bare: Ask, ours: Ask, repeats: int = REPEATS) -> None:
    """Prints one row for the first text, if there is a stream, and one for the whole."""
    rows = []
    for turn in range(repeats + WARM_UP):
        text = TASK.format(turn)
        pair = (ours(text), bare(text))[::-1] if turn % 2 else (bare(text), ours(text))
        if turn >= WARM_UP:
            rows.append(pair)
    for part, what in ((0, "first text"), (1, "total")):
        plain, full = [row[0][part] * 1e3 for row in rows], [row[1][part] * 1e3 for row in rows]
        if any(plain):
            print(f"{name:34} {what:10} {_figures(plain, full)}", flush=True)


def _figures(plain: list[float], full: list[float]) -> str:
    added = [b - a for a, b in zip(plain, full, strict=True)]
    rng = random.Random(0)
    drawn = sorted(statistics.median(rng.choices(added, k=len(added))) for _ in range(DRAWS))
    low, high = drawn[int(0.025 * DRAWS)], drawn[int(0.975 * DRAWS)]
    one, other = statistics.median(plain), statistics.median(full)
    late = sorted(full)[int(0.95 * len(full))]
    gap = f"{statistics.median(added):.2f} [{low:.2f}, {high:.2f}]"
    return f"{one:8.2f} {other:8.2f} {gap:>22} {other / one:7.2f} {late:9.2f}"


def pool(url: str) -> Any:
    """Three models of the stand-in behind one orchestrator."""
    from orchestrator_graph import ModelSpec, Orchestrator, Price, Prior

    known: Any = {"base_url": url, "capabilities": frozenset({"chat", "tools"})}
    return Orchestrator(
        [
            ModelSpec(f"openai:{name}", price=Price(usd, usd), priors={"*": Prior(quality, 20, "benchmark")}, **known)
            for name, quality, usd in (("small", 0.7, 0.2), ("medium", 0.8, 0.4), ("large", 0.9, 0.8))
        ]
    )


def bare_model(url: str) -> Any:
    """The dearest of them without us."""
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(model="large", base_url=url, api_key="none", max_retries=0, stream_usage=True)


def chat_model(url: str) -> None:
    """ChatOrchestrator against the bare model."""
    from orchestrator_graph import ChatOrchestrator

    bare = bare_model(url)
    with pool(url) as orc:
        chat = ChatOrchestrator(orc)
        compare("ChatOrchestrator, invoke", timed(bare.invoke), timed(chat.invoke))
        bare_stream, our_stream = (timed_stream(model.stream, lambda chunk: str(chunk.text)) for model in (bare, chat))
        compare("ChatOrchestrator, stream", bare_stream, our_stream)
        with asyncio.Runner() as runner:
            compare(
                "ChatOrchestrator, ainvoke",
                timed(lambda text: runner.run(bare.ainvoke(text))),
                timed(lambda text: runner.run(chat.ainvoke(text))),
            )


def middleware(url: str) -> None:
    """An agent with our middleware against the same agent without."""
    from langchain.agents import create_agent

    from orchestrator_graph import OrchestratorMiddleware

    bare = bare_model(url)
    with pool(url) as orc:
        plain: Any = create_agent(bare)
        ours: Any = create_agent(bare, middleware=[OrchestratorMiddleware(orc)])
        compare(
            "create_agent with middleware",
            timed(lambda text: plain.invoke(_task(text))),
            timed(lambda text: ours.invoke(_task(text))),
        )


def _task(text: str) -> Any:
    return {"messages": [("user", text)]}


def endpoint(name: str, url: str, model: str, *serve: str, repeats: int = REPEATS) -> None:
    """`orchestrator serve` before a server against that server, asked by OpenAI's own client."""
    import openai

    port = free_port()
    command = ("-c", SERVE, "serve", "--port", str(port), *serve)
    with child(*command, url=f"http://127.0.0.1:{port}/v1/models") as _:
        bare = openai.OpenAI(base_url=url, api_key="none", max_retries=0)
        ours = openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="none", max_retries=0)

        def invoke(client: Any, who: str) -> Callable[[str], Any]:
            return lambda text: client.chat.completions.create(model=who, messages=_said(text), **SAME)

        def stream(client: Any, who: str) -> Callable[[str], Any]:
            return lambda text: client.chat.completions.create(model=who, messages=_said(text), stream=True, **SAME)

        compare(f"{name}, whole", timed(invoke(bare, model)), timed(invoke(ours, "orchestrator")), repeats)
        compare(
            f"{name}, stream",
            timed_stream(stream(bare, model), _delta),
            timed_stream(stream(ours, "orchestrator"), _delta),
            repeats,
        )


def _said(text: str) -> Any:
    return [{"role": "user", "content": text}]


def _delta(chunk: Any) -> str:
    return (chunk.choices[0].delta.content or "") if chunk.choices else ""


def main() -> None:
    """Prints the table."""
    os.environ.setdefault("LANGSMITH_TRACING", "false")
    print(f"Medians of milliseconds over {REPEATS} pairs (40 before Ollama)")
    print(f"{'':34} {'':10} {'bare':>8} {'ours':>8} {'added [95 %]':>22} {'ratio':>7} {'ours p95':>9}")
    with stand_in() as url:
        os.environ["OPENAI_BASE_URL"], os.environ["OPENAI_API_KEY"] = url, "none"
        chat_model(url)
        middleware(url)
        models = ("--models", "openai:small", "--models", "openai:medium", "--models", "openai:large")
        endpoint("endpoint", url, "large", *models)
    host = os.environ.get("OLLAMA_HOST")
    if host:
        endpoint("endpoint before Ollama (SmolLM2)", f"{host}/v1", "smollm2", "--models", "ollama:smollm2", repeats=40)
    else:
        print("$OLLAMA_HOST is not set: the endpoint was not compared with Ollama's own /v1", file=sys.stderr)


if __name__ == "__main__":
    main()
