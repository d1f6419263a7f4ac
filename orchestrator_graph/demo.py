"""The demo: the whole way of a task, on embedded models, without network, key or Ollama. Every figure is measured."""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator_graph.bill import bill_renderable, format_usd
from orchestrator_graph.demo_promise import promise
from orchestrator_graph.orchestrator import Orchestrator
from orchestrator_graph.policy import Policy

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["run"]


@dataclass(frozen=True, slots=True)
class Scene:
    """One task, the policy it runs under, and what it shows."""

    title: str
    task: str
    policy: Policy
    answer: str


COMPOUND = "Reverse lantern, then count the letter n in the result; meanwhile add 47 and 38"
SCENES = (
    Scene("A compound task: cut into three, two side by side, one waits for its input", COMPOUND, Policy(), "2, 85"),
    Scene("Accepted at once: one small model, and it is sure", "Write cabin in capitals", Policy(), "CABIN"),
    Scene(
        "A cascade through all three levels: a larger model is asked only while the answer is unsure",
        "Sum of 149 and 499:",
        Policy(strategy="cascade", cascade=["pocket:small", "pocket:medium", "pocket:maths"]),
        "648",
    ),
    Scene(
        "Consensus: two different models, believed when they agree",
        "Reverse planet",
        Policy(strategy="consensus"),
        "tenalp",
    ),
    Scene("Best of three samples of one model", "Reverse cellar", Policy(strategy="best_of_n"), "rallec"),
    Scene("A similar task: the decision names the one it remembers", "Add 48 and 38", Policy(), "86"),
)


def run(console: "Console") -> int:
    """Plays all scenes and makes a promise; 0 when each gave an answer, else 1. Wrong answers are shown as they are."""
    started = time.monotonic()
    total, reference, failed = 0, 0, 0
    console.print(
        "[bold]orchestrator-graph demo[/bold]: five tiny models inside this package (a wind tunnel, not an aircraft). "
        "No network, no key, no Ollama.\n"
    )
    with Orchestrator("pocket") as orchestrator:
        for number, scene in enumerate(SCENES, 1):
            out = orchestrator.run(scene.task, scene.policy)
            _show(console, number, scene, out)
            total += out["bill"]["total_nusd"]
            reference += (out["bill"]["reference"] or {}).get("cost_nusd") or 0
            failed += any(result["status"] == "failed" for result in out["results"].values())
        kept = promise(console, orchestrator)
    seconds = time.monotonic() - started
    console.print(
        f"[bold]{len(SCENES)} tasks and a promise in {seconds:.1f} s[/bold]; the tasks took {format_usd(total)} "
        f"(parameters x tokens, not billed), the best single model would have taken about {format_usd(reference)}."
    )
    console.print(
        'Next: start Ollama, pull two models and run `orchestrator models`, then `orchestrator run "..."`.',
        markup=False,
    )
    return 1 if failed or not kept else 0


def _show(console: "Console", number: int, scene: Scene, out: dict[str, Any]) -> None:
    console.rule(f"[bold]{number}. {scene.title}")
    console.print(f"Task: {scene.task}", markup=False)
    console.print(f"Answer: {out['messages'][-1].content}", markup=False)
    console.print(f"(right would be: {scene.answer})", style="dim", markup=False)
    console.print()
    console.print(bill_renderable(out))
    for result in out["results"].values():
        decision = result["decision"] or {"neighbours": []}
        near = [n for n in decision["neighbours"] if n["similarity"] >= 0.5][:1]
        for item in near:
            console.print(
                f"Remembered for {result['id']}: {item['text']!r}, similarity {item['similarity']:.2f} "
                f"(memory: {result['decision']['memory_state']})",
                style="cyan",
                markup=False,
            )
    console.print()
