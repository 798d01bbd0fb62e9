"""A private PostgreSQL server that the test stops, starts and freezes."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import NullPool, create_engine, text

from tests.services import postgresql

SECONDS: Final = 60


class Postmaster:
    """The server at ``url``."""

    def __init__(self, url: str) -> None:
        self.url = url
        with create_engine(url, poolclass=NullPool).connect() as connection:
            self._data = Path(connection.execute(text("SHOW data_directory")).scalar_one())

    def stop(self) -> None:
        """End it at once, as a crash would."""
        self._control("stop", "-m", "immediate")

    def start(self) -> None:
        """Start it as it was started before, with what it had committed."""
        # Not `start`: that would not know the options.
        self._control("restart", "-l", "log")

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Let it take connections and answer nothing for as long as the context lasts."""
        first = int((self._data / "postmaster.pid").read_text().split()[0])
        os.kill(first, signal.SIGSTOP)
        processes = [first, *_children(first)]
        try:
            for process in processes[1:]:
                os.kill(process, signal.SIGSTOP)
            yield
        finally:
            for process in reversed(processes):
                os.kill(process, signal.SIGCONT)

    def _control(self, *command: str) -> None:
        programs = postgresql.find()
        assert programs is not None
        done = subprocess.run(
            postgresql._as_account(str(programs / "pg_ctl"), "-D", "data", "-w", *command),
            cwd=self._data.parent,
            stdin=subprocess.DEVNULL,
            # A pipe would stay open for as long as the server that inherits it.
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, (self._data.parent / "log").read_text()


def _children(parent: int) -> list[int]:
    listed = Path(f"/proc/{parent}/task/{parent}/children").read_text()
    return [int(process) for process in listed.split()]
