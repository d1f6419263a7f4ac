"""Real servers in child processes on loopback: a PostgreSQL cluster in a folder of its own, and `chroma run`."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

__all__ = ["Chroma", "Postgres", "chroma", "chroma_server", "database", "free_port", "postgres", "postgres_cluster"]

PASSWORD = "open-sesame"
WAIT_S = 30


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_for(what: str, ready: Callable[[], bool], process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + WAIT_S
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{what} did not start (exit {process.returncode})")
        time.sleep(0.05)


def unprivileged() -> dict[str, Any]:
    """Options for a child that must not be root: PostgreSQL refuses to be."""
    return {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}


def postgres_programs() -> Path | None:
    """The folder of `initdb` and `postgres`; `None` where PostgreSQL is not installed."""
    found = shutil.which("postgres")
    if found:
        return Path(found).resolve().parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    return folders[-1].parent if folders else None


@dataclass
class Postgres:
    """A cluster; user `tester`, password `PASSWORD`."""

    programs: Path
    folder: Path
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None
    made: int = 0

    def url(self, name: str = "postgres", password: str = PASSWORD) -> str:
        return f"postgresql://tester:{password}@127.0.0.1:{self.port}/{name}"

    def create(self) -> None:
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        if os.geteuid() == 0:
            for path in (self.folder, secret):
                shutil.chown(path, "nobody", "nogroup")
        command = [self.programs / "initdb", "-D", self.folder / "data", "-U", "tester", "-A", "scram-sha-256"]
        command += ["--pwfile", secret, "--no-sync", "-E", "UTF8", "--locale", "C"]
        subprocess.run(command, check=True, capture_output=True, cwd=self.folder, **unprivileged())

    def start(self) -> None:
        quick = ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "listen_addresses=127.0.0.1"]
        command = [self.programs / "postgres", "-D", self.folder / "data", "-k", self.folder, "-p", str(self.port)]
        for setting in [*quick, "max_connections=200"]:
            command += ["-c", setting]
        with (self.folder.parent / f"{self.folder.name}.log").open("ab") as log:
            options = {"stdout": log, "stderr": log, "cwd": self.folder, "start_new_session": True, **unprivileged()}
            self.process = subprocess.Popen(command, **options)
        wait_for("PostgreSQL", self._answers, self.process)

    def _answers(self) -> bool:
        import psycopg

        with suppress(psycopg.OperationalError), psycopg.connect(self.url(), connect_timeout=2):
            return True
        return False

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Ends the server and every connection; the data stay."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(WAIT_S)
            self.process = None

    def database(self) -> str:
        """The URL of a new, empty database."""
        import psycopg

        self.made += 1
        name = f"test_{os.getpid()}_{self.made}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} STRATEGY file_copy")  # type: ignore[arg-type]
        return self.url(name)


@contextmanager
def postgres_cluster() -> Iterator[Postgres]:
    """A running cluster in a temporary folder, gone afterwards."""
    programs = postgres_programs()
    if programs is None:
        raise RuntimeError("PostgreSQL is not installed: apt-get install postgresql")
    ram = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - thousands of small files
    folder = Path(tempfile.mkdtemp(prefix="og-postgres-", dir=ram))
    server = Postgres(programs, folder)
    try:
        server.create()
        server.start()
        yield server
    finally:
        server.stop(signal.SIGQUIT)  # nobody needs a last checkpoint
        shutil.rmtree(folder, ignore_errors=True)
        folder.with_name(f"{folder.name}.log").unlink(missing_ok=True)


@dataclass
class Chroma:
    """A Chroma server over one folder."""

    folder: Path
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"chroma://127.0.0.1:{self.port}"

    def start(self) -> None:
        program = Path(sys.executable).parent / "chroma"
        command = [program, "run", "--path", self.folder, "--host", "127.0.0.1", "--port", str(self.port)]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": self.folder}
        self.process = subprocess.Popen(command, **quiet)
        wait_for("chroma run", self._answers, self.process)

    def _answers(self) -> bool:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=1)
        try:
            connection.request("GET", "/api/v2/heartbeat")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def stop(self) -> None:
        """Kills the server; the data stay."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(WAIT_S)
            self.process = None


@contextmanager
def chroma_server(folder: Path) -> Iterator[Chroma]:
    """A running `chroma run` over a folder."""
    server = Chroma(folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One cluster for all tests of a session; skipped where PostgreSQL or its driver is missing."""
    pytest.importorskip("psycopg")
    if postgres_programs() is None:
        pytest.skip("PostgreSQL is not installed")
    with postgres_cluster() as server:
        yield server


@pytest.fixture
def database(postgres: Postgres) -> str:
    """The URL of a new, empty PostgreSQL database."""
    return postgres.database()


@pytest.fixture(scope="session")
def chroma(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chroma]:
    """One Chroma server for all tests of a session."""
    with chroma_server(tmp_path_factory.mktemp("chroma")) as server:
        yield server
