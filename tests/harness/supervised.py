"""A node that is started again whenever it ends, as a supervisor would."""

import signal
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.harness.process import SECONDS, ServerProcess
from tests.harness.server import free_port

SERVING: Final = '"serving"'


class SupervisedNode:
    """``wayvo serve`` on one port, for as long as the context lasts."""

    def __init__(self, folder: Path, variables: Mapping[str, str]) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._folder = folder
        self._variables = variables
        self._is_over = threading.Event()
        self._is_started = threading.Event()
        self._server: ServerProcess
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._supervise, name="supervisor")

    def kill(self) -> None:
        """Kill the present process, whatever it is doing."""
        if self._server.process.poll() is None:
            self._server.send_signal(signal.SIGKILL)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._is_started.wait(SECONDS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._is_over.set()
        ended = None
        while self._thread.is_alive():
            # Once, but the last one may only be about to start.
            if ended is not self._server:
                ended = self._server
                ended.send_signal(signal.SIGTERM)
            self._thread.join(0.1)
        if self._failure is not None:
            raise self._failure

    def _supervise(self) -> None:
        try:
            while not self._is_over.is_set():
                self._run_once()
        except BaseException as failure:  # noqa: BLE001 - handed to the test's thread
            self._failure = failure

    def _run_once(self) -> None:
        with ServerProcess(self._folder, variables=self._variables, port=self.port).starting() as server:
            self._server = server
            self._is_started.set()
            server.process.wait()
            code = server.wait()
            # A node that serves outlives its database; one that starts may find that it is not there.
            # (One that is told to end before it can hear of it ends by the signal.)
            was_told = self._is_over.is_set() and code == -signal.SIGTERM
            ended_well = code in (-signal.SIGKILL, 0) or was_told or (code == 2 and SERVING not in server.log.text)
            assert ended_well, f"a node ended by itself with {code}:\n{server.log.text[-3000:]}"
