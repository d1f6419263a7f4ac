"""Made-up work for `memory_scale`: tasks of eight forms, and the runs that the graph would leave of them."""

import random
import time

from orchestrator_graph.memory import RunRecord, TaskRecord
from orchestrator_graph.types import Attempt, Candidate, Decision, Estimate, Outcome, Usage, new_id

__all__ = ["record", "texts"]

NAMES = ("ollama:qwen3:4b", "openai:gpt-5-mini", "anthropic:claude-sonnet")
FORMS = (
    "Translate this {a} note about the {b} {c} into {d}", "What is {n} {b} at {m} dollars each, less the {a} {c}?",
    "Write a {a} function that sorts {b} by {c} and returns {n} of them", "Summarise the {a} report on {b} in {m} {d}",
    "Which {b} did the {a} {c} choose after the {d}, and why?", "Extract every {c} and {d} from the {a} {b} as JSON",
    "Plan a {a} trip for {n} {b} with a {c} and no {d}", "Solve: a {a} {b} fills {n} {c} in {m} minutes; and a {d}?",
)  # fmt: skip
VOWELS, CONSONANTS = "aeiou", "bcdfghklmnprstvw"


def texts(seed: int, count: int) -> list[str]:
    """Tasks of eight forms over 2,000 made-up words: near and far neighbours, hardly ever the same twice."""
    pick, words = random.Random(seed), random.Random(0)
    stock = ["".join(words.choice(CONSONANTS) + words.choice(VOWELS) for _ in range(3)) for _ in range(2_000)]
    return [
        pick.choice(FORMS).format(n=pick.randrange(99), m=pick.randrange(99), **{x: pick.choice(stock) for x in "abcd"})
        for _ in range(count)
    ]


def record(asked: list[str]) -> RunRecord:
    """A run as the graph leaves it: per task a decision over three candidates, a call and an outcome."""
    run, now = new_id(), time.time()
    ranking = tuple(Estimate(Candidate.single(n), 0.8, 0.1, 9, "prior+neighbours", 900, True, 1.2) for n in NAMES)
    share = dict.fromkeys(NAMES, 1 / 3)
    tasks = tuple(
        TaskRecord(new_id(), run, str(i), "t", f"u{i}", text, "text", False, now) for i, text in enumerate(asked)
    )
    decisions = tuple(
        (t.id, Decision(new_id(), t.subtask_id, ranking, (), share, "cheapest that is good")) for t in tasks
    )
    calls = tuple((t.id, Attempt(new_id(), NAMES[0], "execute", usage=Usage(90, 40), cost_nusd=900)) for t in tasks)
    outcomes = tuple(
        Outcome(new_id(), task_id, decision.id, NAMES[0], 1.0, "judge", 0.5, 900, 1.2)
        for task_id, decision in decisions
    )
    return RunRecord(tasks, decisions, calls, outcomes)
