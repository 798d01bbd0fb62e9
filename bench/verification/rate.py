"""How many requests per second: wrk keeps every connection busy, and counts."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_SCRIPT: Final = Path(__file__).with_name("mix.lua")


@dataclass(frozen=True, slots=True)
class Rate:
    """What one run of wrk counted."""

    requests: int
    seconds: float
    refused: int
    broken: int

    @property
    def per_second(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds


def measure(port: int, mix: Path, *, connections: int, seconds: int) -> Rate:
    """Keep ``connections`` busy for ``seconds``."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(_SCRIPT)]
    done = subprocess.run(  # noqa: S603 - found by tools.require
        [*command, f"http://127.0.0.1:{port}", "--", str(mix)], capture_output=True, text=True, check=True
    )
    return read(done.stdout)


def read(output: str) -> Rate:
    """Read what ``mix.lua`` wrote at the end."""
    line = next(line for line in reversed(output.splitlines()) if line.startswith("result "))
    requests, microseconds, refused, broken = (int(word) for word in line.split()[1:])
    return Rate(requests, microseconds / 1e6, refused, broken)
