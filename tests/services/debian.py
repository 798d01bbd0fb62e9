"""Debian's and Ubuntu's packages, where this process may install them."""

import os
import shutil
import subprocess

APT = ["apt-get", "--quiet", "--yes", "--option=DPkg::Lock::Timeout=300", "--option=Dpkg::Options::=--force-confold"]


def install(*packages: str) -> str | None:
    """Install ``packages``. Return what stood in the way, or None."""
    if os.geteuid() != 0:
        return "only root may install packages"
    if shutil.which("apt-get") is None:
        return "this machine has no apt-get"
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "UCF_FORCE_CONFFOLD": "1"}
    for command in (["update"], ["install", "--no-install-recommends", *packages]):
        done = subprocess.run([*APT, *command], env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return f"apt-get {' '.join(command)} failed:\n{done.stdout}{done.stderr}"
    return None
