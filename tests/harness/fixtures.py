"""Fixtures and hooks of the harness."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.leaks import leaked
from tests.harness.server import Client, RunningServer


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One server for the tests of a file, which must not stand in each other's way."""
    with RunningServer(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    """A server for this test alone."""
    with RunningServer(tmp_path / "data") as server:
        yield server


@pytest.fixture
def client(shared_server: RunningServer) -> Client:
    """A client of the shared server with the operator's key."""
    return shared_server.client()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Fail a test in which anything was logged that looks like a key."""
    report: pytest.TestReport = yield  # type: ignore[assignment] # pytest's own protocol for wrappers
    said = "".join(text for name, text in report.sections if "log" in name or "stderr" in name)
    if report.when == "call" and report.passed and leaked(said):
        report.outcome = "failed"
        report.longrepr = "something of the form of an API key was logged (not repeated here)"
    return report  # type: ignore[return-value] # likewise
