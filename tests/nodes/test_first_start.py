"""What nodes find at their start: a schema that is theirs, a root secret that is theirs, one founding for all."""

import asyncio
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Event

import pytest
from sqlalchemy import NullPool, create_engine, text

from tests.harness.engine import OnPostgresql, nodes_variables
from tests.harness.nodes import Nodes
from tests.harness.process import ServerProcess, run_wayvo
from tests.harness.proxy import COMMIT, SECONDS, Link, Proxy
from tests.harness.server import free_port
from tests.nodes.meeting import Meeting
from wayvo.cli.founding import found_installation
from wayvo.installation import open_installation
from wayvo.services.bootstrap import Founded
from wayvo.services.root_secret import WrongSecret
from wayvo.settings import load
from wayvo.store.schema import head

pytestmark = pytest.mark.needs("postgresql")


@pytest.fixture
def empty_url(on_postgresql: OnPostgresql) -> Iterator[str]:
    """A database without any table."""
    with on_postgresql.database(is_empty=True) as url:
        yield url


def serve(folder: Path, variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a server that is to be refused."""
    given = {"WAYVO_DATA_DIR": str(folder / "data"), "WAYVO_BIND": f"127.0.0.1:{free_port()}", **variables}
    return run_wayvo("serve", folder=folder, variables=given)


def tables(url: str) -> int:
    """Return how many tables there are."""
    with create_engine(url, poolclass=NullPool).connect() as connection:
        found: int = connection.execute(
            text("SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()")
        ).scalar_one()
        return found


class Founder:
    """Opens an installation in a thread, and founds it when it is told to."""

    def __init__(self, meeting: Meeting, url: str) -> None:
        self._settings = load(nodes_variables(url), is_server=False)
        self._is_ready, self._may_go = Event(), Event()
        self.founded = meeting.begin(lambda: asyncio.run(self._found()))
        assert self._is_ready.wait(SECONDS)

    def go(self) -> None:
        self._may_go.set()

    async def _found(self) -> Founded | None:
        async with open_installation(self._settings, is_server=False) as installation:
            self._is_ready.set()
            assert self._may_go.wait(SECONDS)
            return await found_installation(
                installation,
                organization="Acme",
                email="owner@acme.example",
                password=None,
                key_name="Operator",
                scopes=("*",),
            )


def test_a_database_without_a_schema_is_not_served_and_the_command_is_named(empty_url: str, tmp_path: Path) -> None:
    refused = serve(tmp_path, nodes_variables(empty_url))
    assert refused.returncode == 2
    assert "no schema yet" in refused.stderr
    assert "wayvo migrate" in refused.stderr
    assert tables(empty_url) == 0, "a server changes no schema: others may be working on it"


def test_a_database_with_a_newer_schema_is_neither_served_nor_migrated(database_url: str, tmp_path: Path) -> None:
    with create_engine(database_url, poolclass=NullPool).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for refused in (
        serve(tmp_path, nodes_variables(database_url)),
        run_wayvo("migrate", folder=tmp_path, variables=nodes_variables(database_url)),
    ):
        assert refused.returncode == 2
        assert "9999" in refused.stderr
        assert "newer version" in refused.stderr


def test_a_migrated_database_is_served_and_no_password_is_printed(empty_url: str, tmp_path: Path) -> None:
    variables = nodes_variables(empty_url)
    migrated = run_wayvo("migrate", folder=tmp_path, variables=variables)
    assert migrated.returncode == 0, migrated.stderr
    assert head() in migrated.stdout
    password = empty_url.partition("wayvo:")[2].partition("@")[0]
    assert password
    assert password not in migrated.stdout + migrated.stderr
    server = ServerProcess(tmp_path, variables=variables)
    key = server.found()["api_key"]
    with server:
        assert server.client(key).get("/v1/whoami").status_code == 200
        server.stop()
        assert password not in server.stdout.text + server.log.text


def test_two_migrations_at_once_do_it_once_and_both_succeed(empty_url: str, tmp_path: Path) -> None:
    committing, may_commit = Event(), Event()

    def hold_the_first(_: Link, sent: bytes) -> bool:
        if COMMIT in sent and wire.count(b"CREATE TABLE api_keys"):
            committing.set()
            assert may_commit.wait(SECONDS)
        return True

    meeting = Meeting(empty_url)
    with Proxy(empty_url) as wire:
        wire.watch = hold_the_first
        first = meeting.begin(lambda: run_wayvo("migrate", folder=tmp_path, variables=nodes_variables(wire.url)))
        assert committing.wait(SECONDS)
        second = meeting.begin(lambda: run_wayvo("migrate", folder=tmp_path, variables=nodes_variables(empty_url)))
        meeting.wait_for_waiting(1)
        may_commit.set()
        for migration in (first, second):
            done = migration.result(60)
            assert done.returncode == 0, done.stderr
            assert head() in done.stdout


def test_of_two_foundings_at_once_one_happens_and_the_other_is_told_so(database_url: str) -> None:
    meeting = Meeting(database_url)
    founders = [Founder(meeting, database_url) for _ in range(2)]
    with meeting.no_commits():
        for waiting, founder in enumerate(founders, start=1):
            founder.go()
            meeting.wait_for_waiting(waiting)
    first, second = (founder.founded.result(SECONDS) for founder in founders)
    assert first is not None
    assert second is None
    with create_engine(database_url, poolclass=NullPool).connect() as connection:
        organizations = list(connection.execute(text("SELECT id FROM organizations")).scalars())
    assert organizations == [first.organization.id]


def test_without_a_root_secret_a_node_is_refused_by_the_setting_that_is_missing(
    database_url: str, tmp_path: Path
) -> None:
    refused = serve(tmp_path, {"WAYVO_DATABASE_URL": database_url})
    assert refused.returncode == 2
    assert "WAYVO_SECRET_KEY" in refused.stderr
    assert "openssl rand -hex 32" in refused.stderr


def test_a_node_with_another_root_secret_is_refused_and_the_others_go_on(nodes: Nodes, tmp_path: Path) -> None:
    node = nodes.start()
    key = node.create_key(scopes=["users:read"])["api_key"]
    other = "a root secret that no other node has been given"
    refused = serve(tmp_path, {"WAYVO_DATABASE_URL": nodes.url, "WAYVO_SECRET_KEY": other})
    assert refused.returncode == 2
    assert "WAYVO_SECRET_KEY" in refused.stderr
    assert other not in refused.stderr
    assert node.decision(key) == "valid"
    assert nodes.start().decision(key) == "valid"


def test_of_two_first_nodes_with_different_root_secrets_one_is_refused(nodes: Nodes, proxy: Proxy) -> None:
    committing, may_commit = Event(), Event()

    def hold_the_claim(_: Link, sent: bytes) -> bool:
        if COMMIT in sent and proxy.count(b"INSERT INTO installation"):
            committing.set()
            assert may_commit.wait(SECONDS)
        return True

    proxy.watch = hold_the_claim
    meeting = Meeting(nodes.url)
    winner = meeting.begin(lambda: nodes.start(proxy.url))
    assert committing.wait(SECONDS)
    loser = meeting.begin(lambda: nodes.start(WAYVO_SECRET_KEY="a root secret that the other node was not given"))
    meeting.wait_for_waiting(1)
    may_commit.set()
    with pytest.raises(WrongSecret):
        loser.result(SECONDS)
    assert winner.result(SECONDS).decision(nodes.key) == "valid"
