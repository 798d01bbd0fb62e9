"""A ``wayvo`` command that a test stops in the middle, and lets go on or kills."""

import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.harness.process import SECONDS, WAYVO, Output, environment, refuse_leaks


class HeldCommand:
    """A command that runs while the context lasts."""

    def __init__(self, *arguments: str | Path, folder: Path, variables: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [WAYVO, *arguments],
            cwd=folder,
            env=environment(variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self.stdout, self.stderr = Output(self._process.stdout), Output(self._process.stderr)

    def hold_at(self, pattern: str) -> None:
        """Stop it as soon as it has said something that matches, which it must not have gone far from."""
        self.stderr.wait_for(pattern)
        self._process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        assert self._process.poll() is None, "it has ended before it could be held"

    def go_on(self) -> int:
        """Let it run to its end; return its exit code."""
        self._process.send_signal(signal.SIGCONT)
        return self.wait()

    def kill(self) -> None:
        """End it as ``kill -9`` does."""
        self._process.kill()
        assert self.wait() == -signal.SIGKILL

    def wait(self) -> int:
        """Wait for its end; return its exit code."""
        code = self._process.wait(SECONDS)
        refuse_leaks(self.stdout.join(), self.stderr.join())
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self.wait()
