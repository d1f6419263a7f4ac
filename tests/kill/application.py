"""The application that gets killed. Imports, says `ready`, waits for a line, then remembers tasks until it dies.

argv: folder, `write` or `share`. Each acknowledged task is one line `+ TASK OUTCOME`, written at once and whole.
"""

import asyncio
import os
import sys
import threading
import time

import chromadb  # noqa: F401 - imported before the start, so that a kill soon after it meets the opening itself

import orchestrator_graph.memory.parts  # noqa: F401
from orchestrator_graph.drive import ASYNC, SYNC, Effects, drive
from orchestrator_graph.memory import Lookup, Memory, RunRecord, TaskRecord
from orchestrator_graph.types import Attempt, Candidate, Decision, Estimate, Outcome, new_id

VERBS, NOUNS = ("Reverse", "Count", "Translate", "Sort"), ("lantern", "harbour", "violin", "meadow", "engine")
BEST = Estimate(Candidate.single("ollama:a"), 0.8, 0.1, 3, "prior")


def say(line: str) -> None:
    os.write(1, f"{line}\n".encode())  # one write of a short line is not torn


def text(number: int) -> str:
    return f"{VERBS[number % 4]} {NOUNS[number % 5]} {new_id()[:6]} then {new_id()[:3]}"


def record(size: int) -> RunRecord:
    run = new_id()
    tasks = tuple(
        TaskRecord(new_id(), run, str(i), "t", "u", text(i + size), "text", False, time.time()) for i in range(size)
    )
    decisions = tuple((t.id, Decision(new_id(), t.subtask_id, (BEST,), (), {"ollama:a": 1.0}, "why")) for t in tasks)
    calls = tuple((t.id, Attempt(new_id(), "ollama:a", "execute")) for t in tasks)
    outcomes = tuple(Outcome(new_id(), t, d.id, "ollama:a", 1.0, "judge", 0.5) for t, d in decisions)
    return RunRecord(tasks, decisions, calls, outcomes)


async def remember(memory: Memory, fx: Effects, size: int) -> None:
    run = record(size)
    await memory.remember(fx, run)
    for outcome in run.outcomes:
        say(f"+ {outcome.task_id} {outcome.id}")


def look(memory: Memory, k: int = 8) -> Lookup:
    return drive(memory.lookup(SYNC, ["Reverse lantern"], tenant="t", k=k, min_similarity=-1.0))[0]


def write_in_a_thread(memory: Memory, size: int) -> None:
    while True:
        drive(remember(memory, SYNC, size))
        time.sleep(0.05)


def look_in_a_thread(memory: Memory) -> None:
    while True:
        look(memory)
        stats = memory.stats()
        say(f"indexed {stats['indexed']} waiting {stats['waiting']}")
        time.sleep(0.05)


async def write_in_a_loop(memory: Memory) -> None:
    async def one(size: int) -> None:
        while True:
            await remember(memory, ASYNC, size)
            await memory.lookup(ASYNC, [text(size)], tenant="t")
            await asyncio.sleep(0.05)

    await asyncio.gather(one(1), one(2))


def write(memory: Memory) -> None:
    """Two threads that write, one that reads, and an event loop that does both."""
    for work in (
        lambda: write_in_a_thread(memory, 1),
        lambda: write_in_a_thread(memory, 3),
        lambda: look_in_a_thread(memory),
    ):
        threading.Thread(target=work, daemon=True).start()
    asyncio.run(write_in_a_loop(memory))


def share(memory: Memory) -> None:
    """Says how soon and how it can read; writes 20 tasks, waits for the other's 20, and for a word to leave."""
    begun = time.monotonic()
    state = look(memory).state
    say(f"first {time.monotonic() - begun:.3f} {state}")
    for _ in range(10):
        drive(remember(memory, SYNC, 2))
    while len(look(memory, k=100).neighbours) < 40:
        time.sleep(0.05)
    say("sees both")
    leave = threading.Event()

    def hear() -> None:
        sys.stdin.readline()
        leave.set()

    threading.Thread(target=hear, daemon=True).start()
    state = ""
    while not leave.is_set():
        memory.flush(0.2)
        now = look(memory, k=100)
        if now.state != state:
            state = now.state
            say(f"state {len(now.neighbours)} {state}")
        time.sleep(0.05)
    memory.close()
    say("left")


if __name__ == "__main__":
    say("ready")
    sys.stdin.readline()
    {"write": write, "share": share}[sys.argv[2]](Memory(sys.argv[1]))
