"""A private PostgreSQL server that is killed as no administrator would, and starts again with what it had committed."""

import os
import random
import shlex
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.exc import OperationalError

from tests.harness.postmaster import SECONDS, Postmaster, _children
from tests.services import postgresql

T = TypeVar("T")

_BACKENDS: Final = text(
    "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
)


class CrashingPostgresql(Postmaster):
    """A server, the processes of which get SIGKILL. It writes to the disk what it commits."""

    def kill(self) -> None:
        """Kill the first of its processes; the others end by themselves as soon as they notice."""
        os.kill(self._first(), signal.SIGKILL)

    def kill_backend(self, chance: random.Random) -> None:
        """Kill one that serves a client; return when the server has ended all the others, and recovered."""
        serving = persistently(self._serving, OperationalError)
        mine = serving & set(_children(self._first()))
        if not mine:
            return
        os.kill(chance.choice(sorted(mine)), signal.SIGKILL)
        persistently(lambda: self._see_gone(mine), AssertionError)
        persistently(self._serving, OperationalError)

    def start(self) -> None:
        """Start it as soon as those that were left behind are gone."""
        # Not by `pg_ctl restart`: it takes the dead process for a living one until somebody has reaped it.
        persistently(self._see_that_all_have_ended, AssertionError)
        (self._data / "postmaster.pid").unlink()
        _, *options = shlex.split((self._data / "postmaster.opts").read_text())
        self._control("start", "-l", "log", "-o", shlex.join(options))

    def _see_that_all_have_ended(self) -> None:
        assert not [process for process in Path("/proc").glob("[0-9]*/cwd") if _leads_to(process, self._data)]

    def _serving(self) -> set[int]:
        with create_engine(self.url, poolclass=NullPool).connect() as connection:
            return set(connection.execute(_BACKENDS).scalars())

    def _see_gone(self, processes: set[int]) -> None:
        assert not processes & set(_children(self._first()))

    def _first(self) -> int:
        return int((self._data / "postmaster.pid").read_text().split()[0])


def _leads_to(link: Path, folder: Path) -> bool:
    try:
        return link.readlink() == folder
    except OSError:
        return False


def persistently(step: Callable[[], T], failure: type[Exception]) -> T:
    """Try until it goes well: a server that recovers takes nobody for a while."""
    deadline = time.monotonic() + SECONDS
    pause = threading.Event()
    while True:
        try:
            return step()
        except failure:
            if time.monotonic() > deadline:
                raise
        pause.wait(0.01)


@contextmanager
def crashing_postgresql() -> Iterator[CrashingPostgresql]:
    """Run a server as long as the context lasts, whatever becomes of it meanwhile."""
    with postgresql.running(is_durable=True) as url:
        yield CrashingPostgresql(url)
