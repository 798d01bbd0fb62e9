"""Imports follow the design, and what a caller imports is all that it pays for."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.project import ROOT

SERVER_LIBRARIES = (
    "alembic",
    "argon2",
    "jinja2",
    "litestar",
    "psycopg",
    "sqlalchemy",
    "structlog",
    "uvicorn",
    "uvloop",
)


def test_imports_point_down_as_the_design_says() -> None:
    run = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-logo", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("module", ["wayvo", "wayvo.client", "wayvo.cli.main"])
def test_the_client_side_can_be_imported_without_the_server(module: str) -> None:
    """``pip install wayvo`` and ``wayvo[cli]`` bring none of the server's libraries."""
    statement = f"import sys, {module}; print(*sorted(set(sys.modules) & set({SERVER_LIBRARIES!r})))"
    run = subprocess.run([sys.executable, "-c", statement], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout.split()) == (0, []), run.stderr
