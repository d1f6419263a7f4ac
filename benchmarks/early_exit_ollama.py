"""Giving up early at a real Ollama: what the server really evaluated, as its own log tells.

SmolLM2, a model of language, is asked questions some of which it can answer: it rambles about the others, and that is
what giving up early is for. (Pocket models are too quick in Ollama to be given up there.)
"""

import contextlib
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.early_exit_arms import Array, Asked, Learnt, Pairs, by_family, compared, saved
from benchmarks.early_exit_questions import holds, questions
from orchestrator_graph.drive import SYNC, drive
from orchestrator_graph.gateway.door import Gateway
from orchestrator_graph.registry.spec import ModelSpec

__all__ = ["in_ollama"]

ROOT = Path(__file__).parents[1]
SLOT = re.compile(r'msg="loading cache slot" id=0 cache=(\d+) prompt=(\d+)')
LONGEST = 40


@contextlib.contextmanager
def served() -> Iterator[Any]:
    """A real server of its own, talkative, with SmolLM2."""
    sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests" / "real")]
    from real_models import smollm2_gguf
    from real_ollama import ollama_binary
    from real_server import add_smollm2, serve

    extra = {"OLLAMA_NO_CLOUD": "1", "OLLAMA_DEBUG": "1", "OLLAMA_NUM_PARALLEL": "1"}
    with tempfile.TemporaryDirectory(prefix="ollama-") as folder, serve(ollama_binary(), Path(folder), extra) as server:
        add_smollm2(server, smollm2_gguf())
        yield server


def in_ollama() -> str:
    """The comparison as markdown; no larger model is asked, since both arms would ask it the same."""
    known, tasks = questions()
    with served() as server:
        gateway = Gateway([ModelSpec("ollama:smollm2", base_url=server.url)], environ={})
        drive(gateway.portfolio(SYNC))
        first = Asked(gateway, "ollama:smollm2", LONGEST)
        learnt = Learnt.of(first, known, holds, LONGEST)
        begin, slots = server.log.stat().st_size, list[tuple[int, int]]()

        def flush() -> None:
            first(tasks[0])  # what a slot holds is told when it is used the next time
            log = server.log.read_bytes()[begin:].decode(errors="replace")
            slots.extend((int(cache), int(prompt)) for cache, prompt in SLOT.findall(log))

        pairs = compared(first, None, learnt, tasks, holds, flush)
        gateway.close()
    if len(slots) != 2 * len(tasks) + 1:
        raise SystemExit(f"{len(slots)} requests in the server's log, not {2 * len(tasks) + 1}")
    return f"{_alone(pairs, _sampled(slots, len(tasks)))}\n\n{by_family(pairs)}"


def _sampled(slots: Sequence[tuple[int, int]], n: int) -> tuple[Array, Array]:
    """Tokens that the server sampled in either arm: a slot holds the prompt and what was sampled but the last token."""
    sampled = np.array([after - prompt + 1 for (_, prompt), (after, _) in pairwise(slots)], float).reshape(-1, 2)
    whole_first = np.arange(n) % 2 == 1
    return tuple(np.where(whole_first, sampled[:, i], sampled[:, 1 - i]) for i in (0, 1))  # type: ignore[return-value]


def _alone(pairs: Pairs, evaluated: tuple[Array, Array]) -> str:
    """Without a second model: what is accepted, and what that took."""
    whole, early = pairs.whole, pairs.early
    outs = whole.first("output_tokens"), early.first("output_tokens")
    seconds = whole.seconds, early.seconds
    return "\n".join([
        f"Decisions the same: {int((whole.accepted == early.accepted).sum())} of {len(pairs.tasks)}; accepted "
        f"{int(whole.accepted.sum())}, of which right {int(whole.right.sum())} and {int(early.right.sum())}; given up: "
        f"{np.mean([not one.ok for one in early.tried]):.1%}. Where the server says how many tokens it generated, its "
        f"log says the same of {(outs[0] == evaluated[0]).mean():.1%} of the answers.",
        "",
        "| per task | heard out | given up early | saved [95 %] |",
        "|---|---|---|---|",
        f"| output tokens as charged | {outs[0].mean():.1f} | {outs[1].mean():.1f} | {saved(*outs)} |",
        f"| tokens sampled, by the server's log | {evaluated[0].mean():.1f} | {evaluated[1].mean():.1f} | "
        f"{saved(*evaluated)} |",
        f"| seconds | {whole.seconds.mean():.2f} | {early.seconds.mean():.2f} | {saved(*seconds)} |",
    ])  # fmt: skip
