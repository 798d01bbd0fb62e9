"""``wayvo serve`` in a process of its own, pinned to one core where the machine has more than one."""

import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

WAYVO: Final = Path(sys.executable).with_name("wayvo")
SERVER_CORE: Final = "0"


@dataclass(frozen=True, slots=True)
class Served:
    """A server that answers: its port, its process, and how long it took from the start of the process."""

    port: int
    process: subprocess.Popen[bytes]
    seconds_to_listen: float

    def cpu_seconds(self) -> float:
        """Return the processor time that the server has used."""
        return cpu_seconds(self.process.pid)

    def memory_bytes(self) -> int:
        """Return the server's resident memory."""
        fields = Path(f"/proc/{self.process.pid}/statm").read_text(encoding="ascii").split()
        return int(fields[1]) * resource.getpagesize()


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def init(folder: Path) -> dict[str, str]:
    """Found an installation in ``folder``; return what ``wayvo init --json`` prints."""
    command = [str(WAYVO), "init", "--organization", "Bench", "--email", "bench@localhost", "--json"]
    done = subprocess.run([*command, "--data-dir", str(folder)], capture_output=True, text=True, check=True)  # noqa: S603 - our own program
    founded: dict[str, str] = json.loads(done.stdout)
    return founded


def pin_client() -> bool:
    """Leave the server's core to the server; say whether there is another one."""
    others = os.sched_getaffinity(0) - {int(SERVER_CORE)}
    if not others:
        return False
    os.sched_setaffinity(0, others)
    return True


def pinned() -> list[str]:
    """Return what to put before a command so that it runs on the server's core."""
    return [taskset, "-c", SERVER_CORE] if (taskset := shutil.which("taskset")) else []


@contextmanager
def serving(folder: Path, **environment: str) -> Iterator[Served]:
    """Serve ``folder`` with the settings given as ``WAYVO_*`` variables; its log goes into the folder."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    command = [*pinned(), str(WAYVO), "serve", "--bind", f"127.0.0.1:{port}", "--data-dir", str(folder)]
    with (folder / "server.log").open("wb") as log:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **environment})  # noqa: S603 - our own program
        try:
            wait_until_it_listens(port, process)
            yield Served(port, process, time.perf_counter() - started)
        finally:
            process.terminate()
            process.wait(30)


def wait_until_it_listens(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until a server accepts connections; its end is the end of everything."""
    while process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.005)
        else:
            return
    raise SystemExit("the server ended; its log is in the data folder")
