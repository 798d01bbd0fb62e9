"""A pytest plugin: a test whose service can't be had is skipped and says so; in CI such a skip fails the run."""

import os
from collections.abc import Iterator

import pytest

from tests.services import postgresql
from tests.services.catalogue import SERVICES

PREFIX = "missing service:"


def require(name: str) -> None:
    """Skip the running test unless the service ``name`` is there."""
    if SERVICES[name].find() is None:
        pytest.skip(f"{PREFIX} {name} (`make services` installs what it can)")


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("needs"):
        for name in mark.args:
            require(name)


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """The SQLAlchemy URL of a private PostgreSQL server, shared by the whole run."""
    require("postgresql")
    with postgresql.running() as url:
        yield url


class MissingServices:
    """Counts the tests that a missing service skipped."""

    def __init__(self) -> None:
        self.skipped: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._note(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._note(report)

    def _note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if report.skipped and isinstance(report.longrepr, tuple) and PREFIX in report.longrepr[2]:
            self.skipped.append(report.nodeid)

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if self.skipped and is_ci() and exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.skipped and is_ci():
            terminalreporter.section("services missing in CI", red=True)
            for nodeid in self.skipped:
                terminalreporter.write_line(nodeid, red=True)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(MissingServices())


def is_ci() -> bool:
    """Say whether this run is one that must not leave anything out."""
    return os.environ.get("CI", "").lower() in {"1", "true"}
