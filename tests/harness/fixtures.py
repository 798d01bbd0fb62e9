"""Fixtures and hooks of the harness."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import engine
from tests.harness.engine import ENGINES, OnPostgresql
from tests.harness.leaks import leaked
from tests.harness.postmaster import Postmaster
from tests.harness.server import Client, RunningServer
from tests.services import postgresql
from tests.services.plugin import require


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--engine", choices=ENGINES, default="sqlite", help="the database of every server that is started")


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.config.getoption("engine") != "sqlite" and item.get_closest_marker("sqlite_only"):
        pytest.skip("this is about SQLite's own files")


@pytest.fixture(scope="session")
def on_postgresql(postgresql_url: str) -> OnPostgresql:
    """What makes databases on the run's private PostgreSQL server."""
    return OnPostgresql(postgresql_url)


@pytest.fixture(scope="module", autouse=True)
def _chosen_engine(request: pytest.FixtureRequest) -> Iterator[None]:
    """Put every server of the file on the engine of the run."""
    if request.config.getoption("engine") == "sqlite":
        yield
        return
    databases: OnPostgresql = request.getfixturevalue("on_postgresql")
    engine.choose(databases)
    yield
    databases.drop_databases()


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
    said = "".join(text for name, text in report.sections if "log" in name or "std" in name)
    if report.when == "call" and report.passed and leaked(said):
        report.outcome = "failed"
        report.longrepr = "something of the form of an API key was logged (not repeated here)"
    return report  # type: ignore[return-value] # likewise


@pytest.fixture(scope="module")
def postmaster() -> Iterator[Postmaster]:
    """A PostgreSQL server for the tests of a file, which stop it and leave it running."""
    require("postgresql")
    with postgresql.running() as url:
        yield Postmaster(url)
