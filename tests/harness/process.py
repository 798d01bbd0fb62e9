"""``wayvo …`` as a program of its own, as a user starts it: its own folder, port, variables and logs.

Whatever a program wrote is searched for anything of a key's form when it ends. ``shows_key`` is for the commands whose
purpose is to print one: it excepts their stdout, never their log.
"""

import os
import re
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

import msgspec

from tests.harness.leaks import leaked
from tests.harness.server import Client, free_port

WAYVO: Final = Path(sys.executable).with_name("wayvo")
SECONDS: Final = 60
"""How long anything may take that a test waits for."""

NOTHING: Final[Mapping[str, str]] = {}
_PROXIES: Final = {"http_proxy", "https_proxy", "all_proxy", "no_proxy"}


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return this process's variables without its own settings of Wayvo, with ``variables``."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("WAYVO_") and name.lower() not in _PROXIES
    }
    return kept | dict(variables)


def run_wayvo(
    *arguments: str | Path,
    folder: Path,
    variables: Mapping[str, str] = NOTHING,
    stdin: str = "",
    shows_key: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, in ``folder``."""
    run = subprocess.run(
        [WAYVO, *arguments],
        cwd=folder,
        env=environment(variables),
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        timeout=SECONDS,
        check=False,
    )
    refuse_leaks(run.stderr, "" if shows_key else run.stdout)
    return run


def refuse_leaks(*texts: str) -> None:
    """Fail if one of the texts shows a key, without repeating it."""
    assert not any(map(leaked, texts)), "something of the form of an API key was logged (not repeated here)"


class Output:
    """What a program writes to one of its streams, line by line as it comes."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._lines: list[str] = []
        self._is_closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, args=(stream,), name="output", daemon=True)
        self._thread.start()

    @property
    def is_closed(self) -> bool:
        """Whether no process is left that could write to it."""
        with self._changed:
            return self._is_closed

    @property
    def text(self) -> str:
        """All of it so far."""
        with self._changed:
            return "".join(self._lines)

    def wait_for(self, pattern: str, count: int = 1) -> list[str]:
        """Return the lines that match ``pattern`` as soon as there are ``count`` of them."""
        matches: list[str] = []

        def is_over() -> bool:
            matches[:] = [line for line in self._lines if re.search(pattern, line)]
            return len(matches) >= count or self._is_closed

        with self._changed:
            self._changed.wait_for(is_over, SECONDS)
        assert len(matches) >= count, f"{pattern!r} was not written {count} times, but:\n{self.text}"
        return matches

    def join(self) -> str:
        """Return the whole of it once the program has closed it."""
        self._thread.join(SECONDS)
        return self.text

    def _read(self, stream: IO[bytes]) -> None:
        with stream:
            for line in stream:
                self._add(line.decode())
        self._add(None)

    def _add(self, line: str | None) -> None:
        with self._changed:
            if line is None:
                self._is_closed = True
            else:
                self._lines.append(line)
            self._changed.notify_all()


class ServerProcess:
    """``wayvo serve`` (or another command that serves) in a process of its own, ready when the context is entered."""

    def __init__(
        self,
        folder: Path,
        *arguments: str | Path,
        variables: Mapping[str, str] = NOTHING,
        command: str = "serve",
        port: int | None = None,
        tls: ssl.SSLContext | None = None,
        ready: str = '"serving"',
    ) -> None:
        self.data_dir = folder / "data"
        self.port = port or free_port()
        self.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{self.port}"
        self._folder = folder
        self._command = [WAYVO, command, *arguments]
        self._variables = {"WAYVO_DATA_DIR": str(self.data_dir), "WAYVO_BIND": f"127.0.0.1:{self.port}", **variables}
        self._tls = tls
        self._ready = ready
        self._clients: list[Client] = []
        self._shows_key = command == "quickstart"

    def starting(self) -> Self:
        """Start it without waiting until it is ready; the context ends it."""
        self._ready = ""
        return self

    def _start(self) -> None:
        self.process = subprocess.Popen(
            self._command,
            cwd=self._folder,
            env=environment(self._variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.stdout = Output(self.process.stdout)
        self.log = Output(self.process.stderr)

    def found(self) -> dict[str, str]:
        """Set up the installation with `wayvo init`; return what that printed."""
        command = ("init", "--organization", "Acme", "--email", "owner@acme.example", "--json")
        run = run_wayvo(*command, folder=self._folder, variables=self._variables, shows_key=True)
        assert run.returncode == 0, run.stderr
        founded: dict[str, str] = msgspec.json.decode(run.stdout)
        return founded

    def client(self, key: str | None = None) -> Client:
        """Return a client that presents ``key``."""
        client = Client(self.url, key, self._tls)
        self._clients.append(client)
        return client

    def entries(self) -> list[dict[str, Any]]:
        """Return the log as it is now; every line of it must be JSON."""
        return [msgspec.json.decode(line) for line in self.log.text.splitlines()]

    def entries_of(self, event: str) -> list[dict[str, Any]]:
        """Return the entries of one kind so far."""
        return [entry for entry in self.entries() if entry["event"] == event]

    def wait_for_requests(self, count: int) -> list[dict[str, Any]]:
        """Return the access log once it has ``count`` lines."""
        lines = self.log.wait_for('"event": ?"request"', count)
        return [msgspec.json.decode(line) for line in lines]

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def wait(self) -> int:
        """Wait for its end; return the exit code (negative: the signal that killed it)."""
        code = self.process.wait(SECONDS)
        self.stdout.join()
        self.log.join()
        return code

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send it a signal and wait for its end."""
        self.send_signal(number)
        return self.wait()

    def __enter__(self) -> Self:
        self._start()
        if self._ready:
            self.log.wait_for(self._ready)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for client in self._clients:
            client.close()
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.wait()
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.wait()
                raise
        refuse_leaks(self.log.text, "" if self._shows_key else self.stdout.text)
