"""A memory that is closed, or a process that ends, while other threads still use it."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from orchestrator_graph.drive import SYNC, drive
from orchestrator_graph.errors import MemoryStoreError
from orchestrator_graph.memory import Memory, RunRecord, TaskRecord
from orchestrator_graph.types import new_id

CHILD = """
import threading, time
from tests.reliability.test_closing import hammer
from orchestrator_graph.memory import Memory
memory = Memory()
for _ in range(4):
    threading.Thread(target=hammer, args=(memory,), daemon=True).start()
time.sleep(0.5)
"""


def hammer(memory: Memory) -> None:
    """Remembers and looks up until it is told that the memory is closed."""
    while True:
        task = TaskRecord(new_id(), "r", "1", "t", "u", "Reverse lantern", "text", False, time.time())
        try:
            drive(memory.remember(SYNC, RunRecord((task,))))
            drive(memory.lookup(SYNC, ["Reverse lantern"], tenant="t"))
        except MemoryStoreError:
            return


def test_a_process_ends_well_while_daemons_remember() -> None:
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-X", "faulthandler", "-c", CHILD], capture_output=True, text=True, timeout=60,
            cwd=Path(__file__).parents[2],
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("place", ["ram", "folder"])
def test_closing_waits_for_who_is_at_work_and_tells_who_comes_later(place: str, tmp_path: Path) -> None:
    memory = Memory(tmp_path if place == "folder" else None)
    threads = [threading.Thread(target=hammer, args=(memory,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    memory.close()
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads)
    with pytest.raises(MemoryStoreError, match="closed"):
        drive(memory.lookup(SYNC, ["Reverse lantern"], tenant="t"))
