"""``/healthz`` and ``/readyz``, while the database is well and while it is not."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

import httpx
import pytest

from tests.harness.server import Client, RunningServer

READY = ("ready", "ok", 0)


@contextmanager
def damaged_database(server: RunningServer) -> Iterator[None]:
    """Make the file one that SQLite calls corrupt: its list of tables holds a line that is no SQL."""
    with closing(sqlite3.connect(server.folder / "wayvo.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("INSERT INTO sqlite_master VALUES ('table', 'broken', 'broken', 0, 'no SQL at all')")
        bump(connection)
        try:
            yield
        finally:
            connection.execute("DELETE FROM sqlite_master WHERE name = 'broken'")
            bump(connection)


def bump(connection: sqlite3.Connection) -> None:
    """Make every other connection read the list of tables again."""
    (version,) = connection.execute("PRAGMA schema_version").fetchone()
    connection.execute(f"PRAGMA schema_version = {version + 1}")


def readiness(answer: httpx.Response) -> tuple[str, str, int]:
    told = answer.json()
    return told["status"], told["database"], told["waiting_writes"]


@pytest.mark.parametrize("key", [None, "", "nonsense"])
def test_probes_need_no_credential_and_mind_none(shared_server: RunningServer, key: str | None) -> None:
    client = shared_server.client(key)
    alive, ready = client.get("/healthz"), client.get("/readyz")
    assert (alive.status_code, alive.json()) == (200, {"status": "ok"})
    assert (ready.status_code, readiness(ready)) == (200, READY)
    assert ready.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_a_probe_is_read_and_nothing_else(client: Client, path: str) -> None:
    answer = client.post(path, json={})
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    answer = client.get(path, params={"verbose": "1"})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


@pytest.mark.sqlite_only
def test_without_its_database_a_server_is_alive_and_not_ready_and_ready_again_when_it_is_back(
    server: RunningServer,
) -> None:
    client = server.client()
    assert client.get("/v1/users").status_code == 200
    with damaged_database(server):
        ready = client.get("/readyz")
        assert (ready.status_code, readiness(ready)[:2]) == (503, ("not_ready", "unavailable"))
        assert client.get("/healthz").json() == {"status": "ok"}
        for answer in (client.get("/v1/users"), client.post("/v1/projects", json={"name": "Not now"})):
            assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
            assert answer.headers["Retry-After"] == "1"
    ready = client.get("/readyz")
    assert (ready.status_code, readiness(ready)) == (200, READY)
    names = [project["name"] for project in client.get("/v1/projects").json()["data"]]
    assert names == ["Default"]  # nothing was written in between
    assert client.post("/v1/projects", json={"name": "Now"}).status_code == 201
