"""Debian's and Ubuntu's packages, where this process may install them."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

APT = ["apt-get", "--quiet", "--yes", "--option=DPkg::Lock::Timeout=300", "--option=Dpkg::Options::=--force-confold"]
POLICY: Final = Path("/usr/sbin/policy-rc.d")
"""Debian's own way to say which services may be started."""


def install(*packages: str) -> str | None:
    """Install ``packages`` without starting what they would serve. Return what stood in the way, or None."""
    if os.geteuid() != 0:
        return "only root may install packages"
    if shutil.which("apt-get") is None:
        return "this machine has no apt-get"
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "UCF_FORCE_CONFFOLD": "1"}
    for command in (["update"], ["install", "--no-install-recommends", *packages]):
        with _nothing_started():
            done = subprocess.run([*APT, *command], env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return f"apt-get {' '.join(command)} failed:\n{done.stdout}{done.stderr}"
    return None


def disable(service: str) -> None:
    """Let a service that was just installed stay off when the machine starts again."""
    if os.geteuid() == 0 and Path("/run/systemd/system").exists():
        subprocess.run(["systemctl", "disable", service], capture_output=True, check=False)


@contextmanager
def _nothing_started() -> Iterator[None]:
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\n# Written by Wayvo's tests for the time of one installation.\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()
