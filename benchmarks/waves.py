"""What lock-step costs: a plan whose branches differ in length, in Send waves (ours) and as futures of `@task`.

Plan: 1 takes 0.1 s and 3, which needs it, 0.4 s; 2 takes 0.5 s. The critical path is 0.5 s; waves wait for 2 before 3
starts. A second plan, with branches of equal length, shows what waves cost where nothing is uneven.
"""

import statistics
import time
from typing import Any

from langgraph.func import entrypoint, task

from orchestrator_graph import ModelSpec, Orchestrator, Price, Prior
from orchestrator_graph.testing import ScriptedChat

REPEATS = 5
UNEVEN = ("Name a fish, then describe the result; meanwhile list colours", {"Name": 0.1, "List": 0.5, "Desc": 0.4})
EVEN = ("Name a fish, then describe the result; meanwhile list colours", {"Name": 0.25, "List": 0.25, "Desc": 0.25})


def waves(text: str, delays: dict[str, float]) -> float:
    """Seconds of our graph."""

    def reply(asked: str) -> str:
        time.sleep(delays[asked[:4]])
        return "done"

    spec = ModelSpec(
        ScriptedChat(script=reply), alias="test:slow", price=Price(1, 1), priors={"*": Prior(0.8, 50, "test")}
    )
    with Orchestrator([spec]) as orchestrator:
        orchestrator.run("Name a fish")  # discovery and the first import are not the question
        began = time.perf_counter()
        orchestrator.run(text)
        return time.perf_counter() - began


def futures(delays: dict[str, float]) -> float:
    """Seconds of the same plan as one `@task` per subtask, each waiting for its dependencies inside."""

    @task
    def solve(name: str, need: Any) -> str:
        if need is not None:
            need.result()
        time.sleep(delays[name])
        return "done"

    @entrypoint()
    def plan(_: str) -> list[str]:
        first, second = solve("Name", None), solve("List", None)
        third = solve("Desc", first)
        return [first.result(), second.result(), third.result()]

    began = time.perf_counter()
    plan.invoke("")
    return time.perf_counter() - began


def main() -> None:
    """Prints both plans."""
    for name, (text, delays) in (("uneven", UNEVEN), ("even", EVEN)):
        ours = [waves(text, delays) for _ in range(REPEATS)]
        other = [futures(delays) for _ in range(REPEATS)]
        print(
            f"{name:7} Send waves {statistics.median(ours):.3f} s ({min(ours):.3f} .. {max(ours):.3f}), "
            f"@task futures {statistics.median(other):.3f} s ({min(other):.3f} .. {max(other):.3f})"
        )


if __name__ == "__main__":
    main()
