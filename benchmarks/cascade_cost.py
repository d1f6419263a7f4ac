"""`make bench-cascade-cost`: what one step of cascade routing takes with 11 candidates, in milliseconds.

It is the product's own step (`nodes/onward.py`): what was heard is weighed, ten candidates are estimated anew by what
the first one's answer told, and `next_step` chooses; all learners know 1,000 tasks. The issue asks for at most 2 ms
(greedy) and 15 ms (full), the paper's own figures being 1.4 and 15.3.
"""

import argparse
import time
from typing import Any, TypedDict

import numpy as np
from langgraph.graph import StateGraph

from orchestrator_graph import ModelSpec, Orchestrator, Policy, Price, Prior
from orchestrator_graph.confidence.cascade import next_step
from orchestrator_graph.nodes.features import read_features
from orchestrator_graph.nodes.io import Io
from orchestrator_graph.nodes.onward import onward
from orchestrator_graph.nodes.situation import situation
from orchestrator_graph.nodes.step import Step
from orchestrator_graph.routing.decide import decide
from orchestrator_graph.testing import ScriptedChat
from orchestrator_graph.types import Subtask, new_id, to_json
from orchestrator_graph.types.history import History

CANDIDATES = 11
TASK = read_features("Multiply 6 by 7")
Taken = tuple[float, float]
"""Milliseconds by the clock and by this thread's processor time, which leaves out what else the machine did."""
WANTED = {"greedy": 2.0, "full": 15.0}


class Run(TypedDict, total=False):
    """The state of a graph of one node."""

    times: Any


def pool() -> list[ModelSpec]:
    """Eleven models, each dearer and believed better than the one before."""
    return [
        ModelSpec(
            ScriptedChat(model=f"m{i}"), alias=f"test:m{i}", price=Price(1.0 + i, 1.0 + i),
            priors={"*": Prior(0.5 + i / 25, 200, "bench")},
        )
        for i in range(CANDIDATES)
    ]  # fmt: skip


def history(n: int = 1_000) -> History:
    """So many tasks that all eleven were tried on."""
    rng = np.random.default_rng(0)
    told = rng.random((n, CANDIDATES))
    return History(
        vectors=rng.normal(size=(n, 32)).astype(np.float32),
        scores=(rng.random((n, CANDIDATES)) < told).astype(float),
        weights=np.ones((n, CANDIDATES)),
        candidates=tuple(f"test:m{i}" for i in range(CANDIDATES)),
        task_types=tuple(rng.choice(["maths", "qa"], n).tolist()),
        users=("",) * n,
        times=1.7e9 + np.arange(n, dtype=np.float64),
        space="bench",
        signals={"probability": told, "mean": told},
    )


def measured(lookahead: str, rounds: int) -> list[Taken]:
    """Milliseconds of each step."""
    policy, subtask = Policy(lookahead=lookahead, min_confidence=0.99), Subtask("1", TASK.text, TASK)
    task: dict[str, Any] = {"run_id": new_id(), "policy": policy.model_dump(exclude_unset=True), "spent_nusd": 0}

    async def logic(state: Run, io: Io) -> dict[str, Any]:  # noqa: ARG001 - a node takes it
        now = await situation(io, task, private=False)
        decision = to_json(decide("1", TASK, await io.portfolio(), policy, now))
        for entry in decision["ranking"]:
            entry["candidate_id"] = entry["candidate"]["members"][0]["model"]
        first, *left = decision["ranking"]
        verdict = {"confidence": 0.4, "calibrated": True, "evidence": [], "action": "escalate", "n": 1_000}
        answer = {
            "candidate": first["candidate_id"], "model": first["candidate_id"], "text": "42", "failure": None,
            "verdict": verdict, "said": [[first["candidate_id"], "42"]], "signals": {"probability": 0.4, "mean": 0.6},
            "logprob": None,
        }  # fmt: skip
        held: Any = {
            "task": task,
            "decision": decision,
            "hand": [answer],
            "answers": {},
            "tried": [answer["candidate"]],
        }
        times = []
        for _ in range(rounds):
            begun = _clocks()
            await onward(held, io, subtask, policy, left)
            times.append(_since(begun))
        return {"times": times}

    with Orchestrator(pool()) as orchestrator:
        services = orchestrator.services
        for learner in (services.collisions, services.calibration, services.shifts):
            learner.learn(history())
        builder = StateGraph(Run)
        builder.add_node("step", Step("step", logic, services))
        builder.set_entry_point("step")
        times: list[Taken] = builder.compile().invoke({})["times"]
        orchestrator.gateway.release(task["run_id"])
    return times[rounds // 10 :]


def pure(lookahead: str, rounds: int) -> list[Taken]:
    """`next_step` alone, nobody asked yet: 11 candidates, 2,048 sets."""
    rng, times = np.random.default_rng(0), []
    for _ in range(rounds):
        offer = rng.random(CANDIDATES), rng.random(CANDIDATES), rng.random(CANDIDATES) / 10
        begun = _clocks()
        next_step(*offer, None, lookahead)  # type: ignore[arg-type]
        times.append(_since(begun))
    return times[rounds // 10 :]


def _clocks() -> Taken:
    return time.perf_counter(), time.thread_time()


def _since(begun: Taken) -> Taken:
    now = _clocks()
    return (now[0] - begun[0]) * 1_000, (now[1] - begun[1]) * 1_000


def main() -> None:
    """Measures, prints markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1_000)
    options = parser.parse_args()
    print("| decision, 11 candidates | p50, ms | p99, ms | p99 of processor time, ms | wanted |\n|---|---|---|---|---|")
    for lookahead, limit in WANTED.items():
        for name, way in (("step in the graph", measured), ("next_step alone", pure)):
            taken = np.array(way(lookahead, options.rounds))
            p50, p99 = np.percentile(taken[:, 0], [50, 99])
            busy = np.percentile(taken[:, 1], 99)
            print(f"| {lookahead}: {name} | {p50:.2f} | {p99:.2f} | {busy:.2f} | {limit:g} |", flush=True)


if __name__ == "__main__":
    main()
