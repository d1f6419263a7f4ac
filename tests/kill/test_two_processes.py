"""Two applications on one folder, twenty times: nobody crashes, each sees the other's rows, the index changes hands."""

import time
from pathlib import Path

import pytest

from tests.kill.support import Application, Truth

pytestmark = [pytest.mark.kill, pytest.mark.timeout(1_500)]

ROUNDS = 20
HELD = "state 40 exact scan (index away: another process holds the index"


def meet(folder: Path, *, killed: bool) -> tuple[float, float]:
    """One round; seconds of the slower first lookup, and until the one that was left held the index."""
    pair = [Application(folder, "share"), Application(folder, "share")]
    for one in pair:
        one.say()
    for one in pair:
        one.wait(lambda one=one: bool(one.line("sees both")))  # type: ignore[misc]
    first = max(float(one.line("first").split()[1]) for one in pair)
    for one in pair:
        one.wait(lambda one=one: one.line("state").startswith((HELD, "state 40 ok")))  # type: ignore[misc]
    holder, other = sorted(pair, key=lambda one: one.line("state").startswith(HELD))
    assert (holder.line("state"), other.line("state")[: len(HELD)]) == ("state 40 ok", HELD)
    begun = time.monotonic()
    if killed:
        assert holder.kill() == -9
    else:
        holder.say()
        assert holder.end() == 0
    other.wait(lambda: other.line("state") == "state 40 ok")
    handed = time.monotonic() - begun
    other.say()
    assert other.end() == 0
    assert set(holder.acknowledged + other.acknowledged) == Truth.of(folder).kept
    return first, handed


def test_two_processes_share_a_folder(tmp_path: Path) -> None:
    begun = time.monotonic()
    rounds = [meet(tmp_path / str(i), killed=i % 4 == 3) for i in range(ROUNDS)]
    first, handed = (max(column) for column in zip(*rounds, strict=True))
    figures = (
        f"slowest first lookup {first:.2f} s, slowest handing over {handed:.2f} s, {time.monotonic() - begun:.0f} s"
    )
    print(f"\n{ROUNDS} rounds, 0 crashes, {figures}")  # noqa: T201 - shown by make test-kill
    assert first < 1
