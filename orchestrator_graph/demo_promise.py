"""The demo's last part: a promise is refused for want of labels, labels are collected, and it is granted and used."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from orchestrator_graph.bill import bill_renderable, format_usd
from orchestrator_graph.confidence.certificate import Certificate, Refusal
from orchestrator_graph.drive import SYNC, drive
from orchestrator_graph.evaluation.plan import plan_profile
from orchestrator_graph.evaluation.profile import carry_out
from orchestrator_graph.evaluation.tasks import CheckedTask
from orchestrator_graph.nodes.features import read_features
from orchestrator_graph.pocket import PocketTask, check, generate

if TYPE_CHECKING:
    from rich.console import Console

    from orchestrator_graph.orchestrator import Orchestrator

__all__ = ["promise"]

REFERENCE, CHEAPER = "pocket:medium", ("pocket:maths", "pocket:text")
FEW, ENOUGH = 60, 400
SEED = 20
LAST = "Add 52 and 31"


def promise(console: "Console", orchestrator: "Orchestrator") -> bool:
    """Plays it; whether it was refused first and granted then, as the labels say."""
    tasks = [_checked(task) for task in generate("calibration", ENOUGH, SEED)]
    console.rule("[bold]A promise: at most 2 points worse than the best model, with 95 % confidence")
    refused = _attempt(console, orchestrator, tasks[:FEW])
    granted = _attempt(console, orchestrator, tasks)
    if not isinstance(granted, Certificate):
        return False
    out = orchestrator.run(LAST)
    console.print(f"Task: {LAST}\nAnswer: {out['messages'][-1].content}\n", markup=False)
    console.print(bill_renderable(out))
    return isinstance(refused, Refusal) and bool(out["bill"]["proved"])


def _checked(task: PocketTask) -> CheckedTask:
    return CheckedTask(task.prompt, read_features(task.prompt), task.answer, lambda text: float(check(task, text)))


def _attempt(console: "Console", orchestrator: "Orchestrator", tasks: Sequence[CheckedTask]) -> Certificate | Refusal:
    """Asks the reference and the cheaper models the same tasks, as `orchestrator audit` does, and tests the promise."""
    services = orchestrator.services
    plan = drive(plan_profile(SYNC, services, REFERENCE, tasks, None, CHEAPER))
    report = drive(carry_out(SYNC, services, plan))
    orchestrator.memory.flush()
    made = orchestrator.certify(reference=REFERENCE)
    asked = f"{len(tasks)} tasks with known answers, each asked of {', '.join((REFERENCE, *CHEAPER))}"
    console.print(f"{asked}: {report.calls} more calls, {format_usd(report.spent_nusd)}, not billed", markup=False)
    for line in _said(made):
        console.print(line, markup=False, style="bold" if line.startswith("Promise") else None)
    console.print()
    return made


def _said(made: Certificate | Refusal) -> list[str]:
    if isinstance(made, Refusal):
        needed = [f"  needed: about {count} more {kind}" for kind, count in made.needed.items()]
        return [f"Promise refused: {made.reason}", *needed]
    return [
        f"Promise granted: at most {made.max_loss * 100:g} points below {made.reference}, {made.confidence:.0%} sure",
        f"  on these labels it looks like {made.bound * 100:.1f} at most, which is not promised; n={made.n}",
        f"  saves {made.saving:.0%} of its cost",
        f"  certificate {made.id}; it ends in 90 days, or when the models or the tasks change",
    ]
