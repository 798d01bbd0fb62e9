"""`make install` on a machine that lacks something names what is missing and how to get it."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
WITHOUT_ENSUREPIP = f"""#!/bin/sh
case "$*" in *ensurepip*) exit 1 ;; esac
exec '{sys.executable}' "$@"
"""
OLD = """#!/bin/sh
case "$*" in *version_info*) echo 3.9; exit 1 ;; esac
exit 99
"""


def make_install(tmp_path: Path, python: str | None) -> subprocess.CompletedProcess[str]:
    """Run `make install` into a folder of its own with ``python`` as the machine's python3, or none at all."""
    programs = tmp_path / "bin"
    programs.mkdir()
    search = f"{programs}{os.pathsep}{os.environ['PATH']}"
    if python is not None:
        (programs / "python3").write_text(python)
        (programs / "python3").chmod(0o755)
    name = "python3" if python is not None else "python3-that-is-nowhere"
    # The outer make, if any, must not pass its own settings on.
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", "--no-print-directory", "-C", ROOT, "install", f"VENV={tmp_path / 'venv'}", f"PYTHON={name}"],
        env={**environment, "PATH": search},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_machine_without_venv_is_told_which_package_to_install(tmp_path: Path) -> None:
    run = make_install(tmp_path, WITHOUT_ENSUREPIP)
    assert run.returncode != 0
    assert "apt-get install python3-venv" in run.stderr
    assert "Traceback" not in run.stderr
    assert not (tmp_path / "venv").exists()


def test_a_python_that_is_too_old_is_named_with_the_version_that_is_needed(tmp_path: Path) -> None:
    run = make_install(tmp_path, OLD)
    assert run.returncode != 0
    assert "Wayvo needs Python 3.11 or newer, and python3 is 3.9" in run.stderr
    assert not (tmp_path / "venv").exists()


def test_a_machine_without_python_is_told_what_to_install(tmp_path: Path) -> None:
    run = make_install(tmp_path, None)
    assert run.returncode != 0
    assert "apt-get install python3 python3-venv" in run.stderr
