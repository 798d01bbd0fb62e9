"""What tests of the client side share: a canned server, and the command line in this process or in one of its own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from typer.testing import CliRunner, Result

from tests.unit.canned_server import API_KEY, CannedServer, canned_server
from wayvo.cli.main import app


@pytest.fixture
def server() -> Iterator[CannedServer]:
    """A server that answers what the test told it to."""
    with canned_server() as running:
        yield running


@dataclass(frozen=True)
class Wayvo:
    """The command line, set up for one server."""

    environment: dict[str, str | None]

    def __call__(self, *arguments: str, **environment: str | None) -> Result:
        """Run a command in this process, without a terminal. What is unexpected is raised."""
        variables = self.environment | environment
        return CliRunner(env=variables).invoke(app, arguments, catch_exceptions=False, prog_name="wayvo")

    def program(self, *arguments: str, **environment: str | None) -> subprocess.CompletedProcess[str]:
        """Run a command as a program of its own, its output into pipes."""
        command, variables = self.prepared(*arguments, **environment)
        run = subprocess.run
        return run(command, env=variables, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)

    def prepared(self, *arguments: str, **environment: str | None) -> tuple[list[str], dict[str, str]]:
        """Return the command and the variables to run it with."""
        variables = os.environ | self.environment | environment
        kept = {name: value for name, value in variables.items() if value is not None}
        return [sys.executable, "-m", "wayvo.cli.main", *arguments], kept


@pytest.fixture
def wayvo(server: CannedServer) -> Wayvo:
    """The command line, pointed at the canned server; nothing of the developer's own environment reaches it."""
    unset = ["WAYVO_ALLOW_HTTP", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "TTY_COMPATIBLE", "GITHUB_ACTIONS"]
    unset += ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"]
    return Wayvo({"WAYVO_URL": server.url, "WAYVO_API_KEY": API_KEY, **dict.fromkeys(unset)})
