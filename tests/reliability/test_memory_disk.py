"""A disk that is full and a folder that may not be written: typed errors, and what was acknowledged stays."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator_graph.drive import SYNC, drive
from orchestrator_graph.memory import Memory

# No file may grow beyond this: to SQLite that is a full disk. Python ignores SIGXFSZ, so the write fails instead.
FULL = """
import resource, sys, time
from orchestrator_graph.drive import SYNC, drive
from orchestrator_graph.errors import MemoryStoreError
from orchestrator_graph.memory import Memory, RunRecord, TaskRecord
from orchestrator_graph.types import new_id
memory = Memory(sys.argv[1], index="none")
memory.stats()
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
kept = 0
for number in range(1000):
    text = f"Reverse lantern {number}" + "!" * 3000
    task = TaskRecord(new_id(), "r", "1", "t", "u", text, "text", False, time.time())
    begun = time.monotonic()
    try:
        drive(memory.remember(SYNC, RunRecord((task,))))
    except MemoryStoreError as error:
        assert time.monotonic() - begun < 15
        print(kept, len(drive(memory.lookup(SYNC, ["Reverse lantern"], tenant="t"))[0].neighbours), error)
        break
    kept += 1
"""

READ_ONLY = """
import os, sys
from orchestrator_graph.errors import MemoryStoreError
from orchestrator_graph.memory import Memory
memory = Memory(index="none")
memory.stats()  # everything is imported
memory.close()
if os.geteuid() == 0:
    os.setegid(65534)
    os.seteuid(65534)
for folder in sys.argv[1:]:
    try:
        Memory(folder).stats()
    except MemoryStoreError as error:
        print(error)
"""


def test_a_full_disk_is_said_and_takes_nothing_away(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    kept, found, error = done.stdout.split(" ", 2)
    assert int(kept) > 10
    assert int(found) == 8  # it still answers
    assert "writing" in error
    assert "ledger.sqlite" in error
    memory = Memory(tmp_path, index="none")  # there is room again
    found_now = drive(memory.lookup(SYNC, ["Reverse lantern"], tenant="t", k=2000, min_similarity=-1))[0]
    assert len(found_now.neighbours) == memory.stats()["tasks"] == int(kept)
    memory.close()


def test_a_folder_that_may_not_be_written_is_said(tmp_path: Path) -> None:
    old, empty = tmp_path / "old", tmp_path / "empty"
    memory = Memory(old)
    memory.stats()
    memory.close()
    empty.mkdir()
    for path in (tmp_path, *tmp_path.parents[:3]):
        if path.owner() != "root" or os.geteuid() != 0:
            break
        path.chmod(path.stat().st_mode | 0o055)
    for path in (*old.iterdir(), old, empty):
        path.chmod(0o444 if path.is_file() else 0o555)
    command = [sys.executable, "-c", READ_ONLY, str(old), str(empty), str(empty / "new")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    for path in (old, empty):
        path.chmod(0o755)
    lines = done.stdout.splitlines()
    assert (done.returncode, len(lines)) == (0, 3), done.stderr
    assert all(line.startswith("memory: opening") and "ledger.sqlite" in line for line in lines)


@pytest.mark.parametrize("place", ["/proc/memory", "/dev/null"])
def test_no_folder_at_all_is_said(place: str) -> None:
    from orchestrator_graph.errors import MemoryStoreError

    with pytest.raises(MemoryStoreError, match=place):
        Memory(place).stats()
