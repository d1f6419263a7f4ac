"""Certificates in the ledger, in RAM, in a folder and in PostgreSQL: stored once, suspended once, the newest counts."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator_graph.drive import ASYNC, SYNC, Effects, drive
from orchestrator_graph.memory import Memory
from orchestrator_graph.memory.certificates import Stored, newest, store, stored, suspend
from tests.promised import certificate

FIRST = Stored("a" * 32, "default", certificate().text(), 1000.0)


@pytest.fixture(params=["ram", "folder", "postgres"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str | None:
    if request.param == "postgres":
        return str(request.getfixturevalue("database"))
    return None if request.param == "ram" else str(tmp_path / "memory")


def done(mode: str, work: Any, *given: Any, **options: Any) -> Any:
    fx: Effects = SYNC if mode == "sync" else ASYNC
    job: Coroutine[Any, Any, Any] = work(fx, *given, **options)
    return drive(job) if mode == "sync" else asyncio.run(job)


def test_the_newest_counts_suspended_or_not(mode: str, where: str | None) -> None:
    memory = Memory(where, index="none" if where else None)
    assert done(mode, newest, memory, "default") is None
    second = replace(FIRST, id="b" * 32, created_at=2000.0)
    for item in (second, FIRST, replace(FIRST, id="c" * 32, tenant="acme", created_at=3000.0)):
        done(mode, store, memory, item)
    assert done(mode, newest, memory, "default") == second
    assert done(mode, suspend, memory, second.id, "2 points\0 were lost")
    assert not done(mode, suspend, memory, second.id, "again")
    assert not done(mode, suspend, memory, "f" * 32, "never was")
    assert done(mode, newest, memory, "default").suspended == "2 points\ufffd were lost"
    done(mode, store, memory, second)  # it stays suspended
    assert [item.suspended for item in done(mode, stored, memory, tenant="default")] == ["2 points\ufffd were lost", ""]
    assert [item.tenant for item in done(mode, stored, memory, name="c" * 32)] == ["acme"]
    assert done(mode, newest, memory, "default' OR '1'='1") is None
    memory.close()


def test_with_a_tenant_its_certificates_are_forgotten_and_no_others(where: str | None) -> None:
    memory = Memory(where, index="none" if where else None)
    for item in (FIRST, replace(FIRST, id="c" * 32, tenant="acme")):
        drive(store(SYNC, memory, item))
    memory.forget(tenant="acme", dry_run=True)
    memory.forget(tenant="acme", user="somebody")
    assert drive(newest(SYNC, memory, "acme"))
    memory.forget(tenant="acme")
    assert drive(newest(SYNC, memory, "acme")) is None
    assert drive(newest(SYNC, memory, "default")) == FIRST
    memory.close()


def test_another_process_sees_what_one_suspended(where: str | None) -> None:
    if where is None:
        return
    with_one = Memory(where, index="none")
    drive(store(SYNC, with_one, FIRST))
    other = Memory(where, index="none")
    assert drive(newest(SYNC, other, "default")) == FIRST
    drive(suspend(SYNC, with_one, FIRST.id, "lost"))
    assert drive(newest(SYNC, other, "default")) == replace(FIRST, suspended="lost")
    for memory in (with_one, other):
        memory.close()
