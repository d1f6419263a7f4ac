"""What giving up early saves in a cascade: tokens and money at equal accuracy. Writes docs/early-exit.md.

Run as a program: the pocket models in this process, then a real Ollama (`--no-ollama` leaves that out), then an
ablation against limits that are learnt.
"""

import sys
from pathlib import Path
from typing import cast

import numpy as np

from benchmarks.early_exit_arms import Array, Asked, Learnt, Pairs, Task, by_family, compared, saved
from benchmarks.early_exit_learnt import ablation
from benchmarks.early_exit_ollama import in_ollama
from benchmarks.pocket_signals import pocket_signals
from orchestrator_graph.drive import SYNC, drive
from orchestrator_graph.gateway.door import Gateway
from orchestrator_graph.pocket import PocketTask, check, generate

LEARNT, TRIED = 1_000, 3_600
CONTEXT = 128
"""Of the pocket models: no answer is longer."""
DEAR = 4
"""Times as much as an input token, as output tokens cost at most providers."""
DOC = Path("docs/early-exit.md")
PARTS = Path("benchmarks/early_exit.md")


def right(task: Task, text: str) -> bool:
    """Whether a pocket task was answered rightly."""
    return check(cast("PocketTask", task), text)


def table(pairs: Pairs) -> str:
    """Both arms as a markdown table, with 95 % intervals by paired bootstrap over tasks."""
    whole, early = pairs.whole, pairs.early
    outs = whole.first("output_tokens"), early.first("output_tokens")
    costs = whole.first("cost_nusd"), early.first("cost_nusd")
    price = float((costs[0] / (whole.first("input_tokens") + outs[0])).mean())
    dear = [cost + (DEAR - 1) * price * out for cost, out in zip(costs, outs, strict=True)]
    same = sum(one == other for one, other in zip(whole.text, early.text, strict=True))
    differ = early.right - whole.right
    places = np.random.default_rng(0).integers(0, len(differ), (2_000, len(differ)))
    low, high = np.quantile(differ[places].mean(axis=1), [0.025, 0.975])

    def line(name: str, pair: tuple[Array, Array], form: str) -> str:
        return f"| {name} | {pair[0].mean():{form}} | {pair[1].mean():{form}} | {saved(*pair)} |"

    return "\n".join([
        f"Decisions the same: {int((whole.accepted == early.accepted).sum()):,} of {len(differ):,}; final answers the "
        f"same: {same:,}. Accepted at once: {whole.accepted.mean():.1%}; given up: "
        f"{np.mean([not one.ok for one in early.tried]):.1%}.",
        "",
        "| per task | heard out | given up early | saved [95 %] |",
        "|---|---|---|---|",
        line("output tokens of the first model", outs, ".2f"),
        line("cost of the first model, nano-dollars", costs, ".0f"),
        line(f"the same, were an output token {DEAR} times as dear as an input token", (dear[0], dear[1]), ".0f"),
        line("cost of the whole cascade, nano-dollars", (whole.cost, early.cost), ".0f"),
        line("milliseconds of the first model", (1e3 * whole.seconds, 1e3 * early.seconds), ".2f"),
        f"| accuracy | {whole.right.mean():.4f} | {early.right.mean():.4f} | difference {differ.mean():+.4f} "
        f"[{low:+.4f}, {high:+.4f}] |",
    ])  # fmt: skip


def pockets() -> str:
    """Small > medium in this process."""
    gateway = Gateway("pocket", environ={})
    drive(gateway.portfolio(SYNC))
    first, second = Asked(gateway, "pocket:small"), Asked(gateway, "pocket:medium")
    learnt = Learnt.of(first, generate("calibration", LEARNT, seed=3), right, CONTEXT)
    pairs = compared(first, second, learnt, generate("test", TRIED, seed=2026), right)
    gateway.close()
    return f"{table(pairs)}\n\n{by_family(pairs)}"


def main() -> None:
    """Runs everything and writes the page."""
    found = {"POCKETS": pockets(), "ABLATION": ablation(pocket_signals())}
    if "--no-ollama" in sys.argv:
        print("\n\n".join(found.values()))
        return
    found["OLLAMA"] = in_ollama()
    page = PARTS.read_text(encoding="utf-8")
    for name, text in found.items():
        page = page.replace(f"<!-- {name} -->", text)
    DOC.write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
