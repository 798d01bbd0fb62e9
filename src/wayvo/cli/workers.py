"""Several server processes on one address: a supervisor that starts them, starts them again, and ends them.

Each worker is an ordinary node with its own cache; they share the listening sockets, which the kernel hands connections
out from. A worker that dies is replaced; workers that die at once, again and again, end the whole.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Final

import structlog

_log = structlog.get_logger("wayvo.workers")

WORKER_VARIABLE: Final = "_WAYVO_WORKER"
"""How a worker learns that it is one: its number, the supervisor's pipe, and the sockets' descriptors."""

EARLY_SECONDS: Final = 30.0
MAX_EARLY_DEATHS: Final = 5
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)


class Inherited:
    """What a worker inherits from its supervisor."""

    def __init__(self, text: str) -> None:
        index, pipe, *sockets = (int(part) for part in text.split(","))
        self.index = index
        self.pipe = pipe
        self.sockets = [socket.socket(fileno=descriptor) for descriptor in sockets]


def inherited() -> Inherited | None:
    """Return what this process inherits if it is a worker."""
    text = os.environ.pop(WORKER_VARIABLE, None)
    return None if text is None else Inherited(text)


def supervise(count: int, sockets: Sequence[socket.socket]) -> int:
    """Run ``count`` workers until SIGTERM or SIGINT; return the exit code. SIGHUP is handed on to them."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    # Its other end is held by this process alone: when that is gone, however it went, the workers see the end of it.
    read_end, write_end = os.pipe()
    supervisor = _Supervisor(sockets, read_end)
    try:
        for index in range(count):
            supervisor.start(index)
        return supervisor.run()
    finally:
        supervisor.end()
        os.close(write_end)
        os.close(read_end)


class _Supervisor:
    def __init__(self, sockets: Sequence[socket.socket], pipe: int) -> None:
        self._descriptors = [pipe, *(taken.fileno() for taken in sockets)]
        self._workers: dict[int, tuple[subprocess.Popen[bytes], float]] = {}
        self._early_deaths = 0

    def start(self, index: int) -> None:
        told = ",".join(str(number) for number in (index, *self._descriptors))
        process = subprocess.Popen(  # noqa: S603 - this very program
            [sys.executable, "-m", "wayvo", *sys.argv[1:]],
            env={**os.environ, WORKER_VARIABLE: told},
            pass_fds=self._descriptors,
            preexec_fn=_unblock_signals,  # noqa: PLW1509 - this process has no other thread
        )
        self._workers[index] = (process, time.monotonic())
        _log.info("worker started", worker=index, pid=process.pid)

    def run(self) -> int:
        while True:
            match signal.sigwait(_SIGNALS):
                case signal.SIGTERM | signal.SIGINT:
                    return 0
                case signal.SIGHUP:
                    self._send(signal.SIGHUP)
                case _:
                    if not self._replace_the_dead():
                        return 1

    def end(self) -> None:
        """Let every worker finish its requests, and wait for all of them."""
        self._send(signal.SIGTERM)
        for process, _ in self._workers.values():
            process.wait()

    def _send(self, number: signal.Signals) -> None:
        for process, _ in self._workers.values():
            if process.poll() is None:
                process.send_signal(number)

    def _replace_the_dead(self) -> bool:
        for index, (process, started) in list(self._workers.items()):
            if process.poll() is None:
                continue
            _log.error("worker died", worker=index, pid=process.pid, exit_code=process.returncode)
            is_early = time.monotonic() - started < EARLY_SECONDS
            self._early_deaths = self._early_deaths + 1 if is_early else 0
            if self._early_deaths >= MAX_EARLY_DEATHS:
                _log.error("workers die as soon as they start")
                return False
            self.start(index)
        return True


def _unblock_signals() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
