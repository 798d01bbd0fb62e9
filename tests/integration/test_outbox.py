"""Every change leaves its row in the outbox, in its own transaction; what changed nothing leaves none."""

from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Connection

from tests.harness.server import RunningServer
from wayvo.installation import Installation
from wayvo.store import api_keys, outbox


@dataclass
class Made:
    """What the changes are made to, and how the outbox names it."""

    server: RunningServer
    key: str
    project: str
    api: str

    def rows(self, after: int) -> list[tuple[str, str]]:
        """Return the kinds and subjects of the rows behind a sequence."""

        async def step(installation: Installation) -> list[outbox.OutboxRow]:
            return await installation.database.read(lambda connection: outbox.after(connection, after, 100))

        return [(row.change.kind, row.change.subject) for row in self.server.call(step)]

    def last(self) -> int:
        async def step(installation: Installation) -> int:
            return await installation.database.read(outbox.last_sequence)

        return self.server.call(step)

    def digest(self, key_id: str) -> str:
        """Return how the outbox names a key."""

        def query(connection: Connection) -> str:
            return api_keys.digest_of(connection, key_id).hex()

        async def step(installation: Installation) -> str:
            return await installation.database.read(query)

        return self.server.call(step)


@pytest.fixture
def made(server: RunningServer) -> Made:
    client = server.client()
    return Made(
        server,
        key=client.post("/v1/api-keys", json={"name": "Key"}).json()["id"],
        project=client.post("/v1/projects", json={"name": "Project"}).json()["id"],
        api=client.post("/v1/apis", json={"audience": "https://orders.example", "name": "Orders"}).json()["id"],
    )


def change(made: Made, method: str, path: str, body: dict[str, Any], status: int) -> tuple[Any, list[tuple[str, str]]]:
    """Send a change; return its answer and the rows that it left."""
    last = made.last()
    response = made.server.client().request(method, path, json=body)
    assert response.status_code == status, response.text
    return response.json(), made.rows(last)


def test_the_founding_leaves_a_row_for_its_key(server: RunningServer) -> None:
    assert server.founded is not None
    made = Made(server, server.founded.issued.key.id, "", "")
    assert ("credential", made.digest(made.key)) in made.rows(0)


def test_a_creation_leaves_a_row(made: Made) -> None:
    answer, rows = change(made, "POST", "/v1/api-keys", {"name": "Another"}, 201)
    assert rows == [("credential", made.digest(answer["id"]))]
    answer, rows = change(made, "POST", "/v1/projects", {"name": "Another"}, 201)
    assert rows == [("project", answer["id"])]
    answer, rows = change(made, "POST", "/v1/apis", {"audience": "urn:another", "name": "Another"}, 201)
    assert rows == [("api", answer["id"])]


def test_a_change_of_a_key_leaves_a_row(made: Made) -> None:
    for body in ({"name": "Renamed"}, {"scopes": ["users:read"]}, {"allowed_networks": ["10.0.0.0/8"]}):
        _, rows = change(made, "PATCH", f"/v1/api-keys/{made.key}", body, 200)
        assert rows == [("credential", made.digest(made.key))]


def test_a_rotation_leaves_a_row_for_both_keys(made: Made) -> None:
    answer, rows = change(made, "POST", f"/v1/api-keys/{made.key}/rotate", {}, 201)
    assert sorted(rows) == sorted([("credential", made.digest(id)) for id in (made.key, answer["id"])])


def test_a_revocation_leaves_a_row_and_a_second_one_none(made: Made) -> None:
    _, rows = change(made, "POST", f"/v1/api-keys/{made.key}/revoke", {}, 200)
    assert rows == [("credential", made.digest(made.key))]
    _, rows = change(made, "POST", f"/v1/api-keys/{made.key}/revoke", {}, 200)
    assert rows == []


def test_a_change_of_a_project_or_an_api_leaves_a_row(made: Made) -> None:
    _, rows = change(made, "PATCH", f"/v1/projects/{made.project}", {"name": "Renamed"}, 200)
    assert rows == [("project", made.project)]
    _, rows = change(made, "POST", f"/v1/projects/{made.project}/archive", {}, 200)
    assert rows == [("project", made.project)]
    _, rows = change(made, "POST", f"/v1/projects/{made.project}/archive", {}, 200)
    assert rows == []
    body = {"scopes": [{"name": "orders:read", "description": ""}]}
    _, rows = change(made, "PATCH", f"/v1/apis/{made.api}", body, 200)
    assert rows == [("api", made.api)]


def test_a_refused_change_leaves_no_row(made: Made) -> None:
    last = made.last()
    client = made.server.client()
    refused = [
        client.post("/v1/api-keys", json={"name": "Key", "project_id": "prj_nowhere"}),
        client.post("/v1/apis", json={"audience": "https://orders.example", "name": "Taken"}),
        client.patch("/v1/api-keys/key_nowhere", json={"name": "Nobody"}),
    ]
    assert [response.status_code for response in refused] == [422, 409, 404]
    assert made.rows(last) == []


def test_a_repeated_creation_leaves_no_second_row(made: Made) -> None:
    client = made.server.client()
    last = made.last()
    for _ in range(2):
        client.post("/v1/api-keys", json={"name": "Once"}, headers={"Idempotency-Key": "once"}).raise_for_status()
    assert len(made.rows(last)) == 1
