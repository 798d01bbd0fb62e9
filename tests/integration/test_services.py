"""The services that tests need are real, private, and never left out silently."""

import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

ROOT = Path(__file__).parents[2]
SKIPPING = """
import pytest

def test_of_a_service_that_is_nowhere() -> None:
    pytest.skip("missing service: nowhere")
"""
ABANDONING = """
import os, signal
from tests.integration.test_services import connect
from tests.services import postgresql

with postgresql.running() as url:
    with connect(url) as connection:
        print(url, *connection.execute("show data_directory").fetchone(), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def connect(url: str) -> psycopg.Connection:
    target = make_url(url)
    return psycopg.connect(
        host=target.host, port=target.port, user=target.username, password=target.password, dbname=target.database
    )


@pytest.mark.needs("postgresql")
def test_postgresql_answers_on_a_loopback_port_of_its_own(postgresql_url: str) -> None:
    assert make_url(postgresql_url).host == "127.0.0.1"
    with connect(postgresql_url) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


@pytest.mark.needs("postgresql")
def test_postgresql_admits_nobody_without_the_password(postgresql_url: str) -> None:
    url = make_url(postgresql_url).set(password="guess").render_as_string(hide_password=False)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        connect(url)


@pytest.mark.needs("postgresql")
def test_a_killed_test_run_leaves_no_server_and_no_files_behind() -> None:
    run = subprocess.run(
        # The server's guardian holds the error pipe too, so this returns when both are gone.
        [sys.executable, "-c", ABANDONING],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == -signal.SIGKILL, run.stderr
    url, folder = run.stdout.split()
    with pytest.raises(psycopg.OperationalError, match="refused"):
        connect(url)
    assert not Path(folder).parent.exists()


@pytest.mark.parametrize(("ci", "outcome"), [("true", pytest.ExitCode.TESTS_FAILED), ("", pytest.ExitCode.OK)])
def test_a_skip_for_a_missing_service_fails_the_run_in_ci_alone(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, ci: str, outcome: pytest.ExitCode
) -> None:
    monkeypatch.setenv("CI", ci)
    pytester.makepyfile(SKIPPING)
    result = pytester.runpytest("-p", "tests.services.plugin")
    result.assert_outcomes(skipped=1)
    assert result.ret == outcome
