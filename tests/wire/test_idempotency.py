"""``Idempotency-Key``: a creation that is asked for twice happens once."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from tests.harness.leaks import leaked
from tests.harness.rows import stored_rows
from tests.harness.server import RunningServer
from wayvo.installation import Installation
from wayvo.jobs.sweep import sweep

DAY: Final = 86_400
CREATIONS: Final[list[tuple[str, dict[str, Any], str]]] = [
    ("/v1/api-keys", {"name": "A key", "scopes": ["users:read"]}, "api_keys"),
    ("/v1/projects", {"name": "A project"}, "projects"),
    ("/v1/apis", {"audience": "https://once.example.com", "name": "An API"}, "apis"),
    ("/v1/api-keys/{key}/rotate", {"overlap_seconds": 60}, "api_keys"),
]


def once(key: str) -> dict[str, str]:
    """Return the header."""
    return {"Idempotency-Key": key}


def problem(response: httpx.Response) -> tuple[int, str]:
    """Return a refusal's status and code."""
    return response.status_code, response.json()["code"]


@pytest.mark.parametrize(("path", "body", "table"), CREATIONS, ids=[path for path, *_ in CREATIONS])
def test_a_repeated_creation_is_answered_as_the_first_without_its_secret_and_says_so(
    server: RunningServer, path: str, body: dict[str, Any], table: str
) -> None:
    client = server.client()
    path = path.format(key=server.create_key()["id"])
    first = client.post(path, json=body, headers=once("one"))
    assert first.status_code == 201
    assert "Idempotency-Replayed" not in first.headers
    assert "replayed" not in first.json()
    rows = stored_rows(server)
    server.clock.turn(60)
    for _ in range(2):
        again = client.post(path, json=body, headers=once("one"))
        expected = first.json() | {"replayed": True}
        if table == "api_keys":
            assert expected["api_key"] is not None
            expected["api_key"] = None
        assert (again.status_code, again.json()) == (201, expected)
        assert again.headers["Idempotency-Replayed"] == "true"
        assert again.headers["Content-Type"] == first.headers["Content-Type"]
    assert stored_rows(server) == rows


def test_without_the_header_every_request_creates(server: RunningServer) -> None:
    client = server.client()
    made = {client.post("/v1/projects", json={"name": "Twin"}).json()["id"] for _ in range(2)}
    assert len(made) == 2


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/v1/projects", b'{"name":"B"}'),
        ("/v1/projects", b'{"name": "A"}'),
        ("/v1/projects", b'{"name":"A","description":""}'),
        ("/v1/api-keys", b'{"name":"A"}'),
    ],
)
def test_another_request_with_the_same_key_is_refused(shared_server: RunningServer, path: str, content: bytes) -> None:
    client = shared_server.client()
    assert client.post("/v1/projects", content=b'{"name":"A"}', headers=once("taken")).status_code == 201
    before = stored_rows(shared_server)
    assert problem(client.post(path, content=content, headers=once("taken"))) == (409, "idempotency_key_reused")
    assert stored_rows(shared_server) == before


def test_another_path_of_the_same_kind_is_another_request(server: RunningServer) -> None:
    client = server.client()
    first, second = server.create_key()["id"], server.create_key()["id"]
    assert client.post(f"/v1/api-keys/{first}/rotate", headers=once("k")).status_code == 201
    other = client.post(f"/v1/api-keys/{second}/rotate", headers=once("k"))
    assert problem(other) == (409, "idempotency_key_reused")


def test_the_same_key_of_another_caller_is_another_key(shared_server: RunningServer) -> None:
    colleague = shared_server.client(shared_server.create_key(scopes=["projects:write"])["api_key"])
    body = {"name": "Theirs and ours"}
    answers = [
        client.post("/v1/projects", json=body, headers=once("shared")) for client in (shared_server.client(), colleague)
    ]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json()["id"] != answers[1].json()["id"]
    assert "replayed" not in answers[1].json()


def test_a_key_is_remembered_for_24_hours(server: RunningServer) -> None:
    client = server.client()
    first = client.post("/v1/projects", json={"name": "P"}, headers=once("day")).json()["id"]
    server.clock.turn(DAY - 0.000001)
    assert client.post("/v1/projects", json={"name": "P"}, headers=once("day")).json()["id"] == first
    server.clock.turn(0.000001)
    second = client.post("/v1/projects", json={"name": "Q"}, headers=once("day"))
    assert (second.status_code, "replayed" in second.json()) == (201, False)
    again = client.post("/v1/projects", json={"name": "Q"}, headers=once("day"))
    assert again.json() == second.json() | {"replayed": True}


def test_what_has_had_its_time_is_swept_and_what_has_not_stays(server: RunningServer) -> None:
    client = server.client()
    client.post("/v1/projects", json={"name": "P"}, headers=once("old"))
    server.clock.turn(DAY / 2)
    young = client.post("/v1/projects", json={"name": "P"}, headers=once("young")).json()["id"]
    server.clock.turn(DAY / 2)

    async def step(installation: Installation) -> None:
        await sweep(installation.database, installation.draw.clock)

    server.call(step)
    assert len(stored_rows(server)["idempotency_keys"]) == 1
    assert client.post("/v1/projects", json={"name": "P"}, headers=once("young")).json()["id"] == young


@pytest.mark.parametrize(("path", "body", "table"), CREATIONS, ids=[path for path, *_ in CREATIONS])
def test_of_sixteen_duplicates_at_once_exactly_one_creates_and_the_others_wait_for_it(
    server: RunningServer, path: str, body: dict[str, Any], table: str
) -> None:
    path = path.format(key=server.create_key()["id"])
    before = len(stored_rows(server)[table])
    clients = [server.client() for _ in range(16)]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda client: client.post(path, json=body, headers=once("sixteen")), clients))
    assert [answer.status_code for answer in answers] == [201] * 16
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sorted("replayed" in answer.json() for answer in answers) == [False] + [True] * 15
    assert len([answer for answer in answers if leaked(answer.text)]) == (1 if table == "api_keys" else 0)
    assert len(stored_rows(server)[table]) == before + 1


def test_a_refused_request_does_not_use_the_key_up(server: RunningServer) -> None:
    client = server.client()
    expiring = server.create_key(expires_at=server.clock.at(5))["id"]
    weak = server.client(server.create_key(scopes=["users:read"])["api_key"])
    clerk_key = server.create_key(scopes=["api-keys:write"])
    clerk = server.client(clerk_key["api_key"])
    server.clock.turn(5)
    rows = stored_rows(server)
    refused = [
        (client, "/v1/projects", {"name": ""}, 422),
        (client, "/v1/projects", {"name": "n", "x": 1}, 422),
        (client, "/v1/api-keys", {"name": "n", "project_id": "prj_0"}, 422),
        (client, "/v1/api-keys", {"name": "n", "expires_at": server.clock.at(0)}, 422),
        (client, f"/v1/api-keys/{expiring}/rotate", {}, 409),
        (client, "/v1/api-keys/key_0/rotate", {}, 404),
        (client, "/v1/apis", {"audience": "urn:wayvo:x", "name": "n"}, 422),
        (weak, "/v1/projects", {"name": "n"}, 403),
        (clerk, "/v1/api-keys", {"name": "n", "scopes": ["users:read"]}, 403),
    ]
    for caller, path, body, status in refused:
        assert caller.post(path, json=body, headers=once("again")).status_code == status
    assert stored_rows(server) == rows
    made = client.post("/v1/projects", json={"name": "At last"}, headers=once("again"))
    assert (made.status_code, "replayed" in made.json()) == (201, False)
    assert clerk.post("/v1/api-keys", json={"name": "n"}, headers=once("again")).status_code == 201


def test_a_repeated_request_is_answered_though_its_expiry_is_past_by_now(server: RunningServer) -> None:
    client = server.client()
    body = {"name": "Short", "expires_at": server.clock.at(60)}
    first = client.post("/v1/api-keys", json=body, headers=once("short")).json()
    server.clock.turn(3600)
    again = client.post("/v1/api-keys", json=body, headers=once("short"))
    assert (again.status_code, again.json()["id"], again.json()["replayed"]) == (201, first["id"], True)


def test_a_repeated_request_is_answered_only_to_who_still_may_make_it(server: RunningServer) -> None:
    made = server.create_key(scopes=["projects:write"])
    caller = server.client(made["api_key"])
    assert caller.post("/v1/projects", json={"name": "P"}, headers=once("k")).status_code == 201
    server.client().patch(f"/v1/api-keys/{made['id']}", json={"scopes": ["users:read"]})
    assert problem(caller.post("/v1/projects", json={"name": "P"}, headers=once("k"))) == (403, "insufficient_scope")


@pytest.mark.sqlite_only
def test_no_secret_and_no_key_stands_in_what_is_kept(server: RunningServer) -> None:
    client = server.client()
    created = client.post("/v1/api-keys", json={"name": "Kept"}, headers=once("a-key-that-says-something"))
    rotated = client.post(f"/v1/api-keys/{created.json()['id']}/rotate", headers=once("rotation"))
    secrets = (created.json()["api_key"], rotated.json()["api_key"])
    databases = [path for path in server.folder.iterdir() if path.read_bytes().startswith(b"SQLite format 3")]
    assert len(databases) == 1
    with closing(sqlite3.connect(f"file:{databases[0]}?mode=ro", uri=True)) as connection:
        kept = connection.execute("SELECT answer FROM idempotency_keys").fetchall()
    assert len(kept) == 2
    for (answer,) in kept:
        assert b'"api_key":null' in answer
        assert not leaked(answer.decode())
    everything = b"".join(path.read_bytes() for path in _files(server.folder))
    assert created.json()["id"].encode() in everything
    for secret in (*secrets, "a-key-that-says-something"):
        assert secret.encode() not in everything


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("key", ["", "a b", "a\tb", "a" * 256, "é", "a,b c"])
def test_a_key_that_is_none_is_refused_by_its_header(shared_server: RunningServer, key: str) -> None:
    before = stored_rows(shared_server)
    response = shared_server.client().post(
        "/v1/projects", json={"name": "P"}, headers=[(b"Idempotency-Key", key.encode("latin-1"))]
    )
    assert problem(response) == (400, "invalid_request")
    assert [fault["field"] for fault in response.json()["errors"]] == ["Idempotency-Key"]
    assert stored_rows(shared_server) == before


def test_two_keys_in_one_request_are_refused(shared_server: RunningServer) -> None:
    before = stored_rows(shared_server)
    two = [("Idempotency-Key", "one"), ("Idempotency-Key", "two")]
    response = shared_server.client().post("/v1/projects", json={"name": "P"}, headers=two)
    assert problem(response) == (400, "invalid_request")
    assert [fault["field"] for fault in response.json()["errors"]] == ["Idempotency-Key"]
    assert stored_rows(shared_server) == before


@pytest.mark.parametrize("key", ["!", "~", "a" * 255, '"quoted-like-the-draft"', "a,b"])
def test_any_visible_ascii_is_a_key(shared_server: RunningServer, key: str) -> None:
    client = shared_server.client()
    ids = {client.post("/v1/projects", json={"name": "P"}, headers=once(key)).json()["id"] for _ in range(2)}
    assert len(ids) == 1
