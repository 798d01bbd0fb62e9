"""``/v1/audit-events``: what the management API says of what has happened."""

import json
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from tests.harness.foreign import FORMAT, made_elsewhere, row
from tests.harness.leaks import leaked
from tests.harness.neighbour import move_in
from tests.harness.people import found_organization, join, make_role
from tests.harness.server import Client, RunningServer
from wayvo.installation import Installation
from wayvo.store.tables import api_keys, audit_events

Event = dict[str, Any]


def client_of(server: RunningServer, key: str | None = "") -> Client:
    """Return a client before whose every change the clock goes on: events of one moment have no order."""
    client = server.client(key)

    def turn(request: httpx.Request) -> None:
        if request.method != "GET":
            server.clock.turn(0.001)

    client.event_hooks = {**client.event_hooks, "request": [turn]}
    return client


@pytest.fixture
def client(shared_server: RunningServer) -> Client:
    """Such a client of the shared server with the operator's key."""
    return client_of(shared_server)


def events(client: Client, **filters: Any) -> list[Event]:
    """Return the first page, the newest first."""
    answer = client.get("/v1/audit-events", params=filters)
    assert answer.status_code == 200, answer.text
    found: list[Event] = answer.json()["data"]
    return found


def problem(response: httpx.Response) -> tuple[int, str]:
    """Return a refusal's status and code."""
    return response.status_code, response.json()["code"]


class Things:
    """What operations are tried on; made new for each."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def key(self) -> str:
        return self.made("/v1/api-keys", {"name": "K"})

    def project(self) -> str:
        return self.made("/v1/projects", {"name": "P"})

    def api(self) -> str:
        return self.made("/v1/apis", {"audience": f"urn:example:{len(events(self._client))}", "name": "A"})

    def role(self) -> str:
        role: str = make_role(self._client, "projects:read")["id"]
        return role

    def member(self) -> str:
        member: str = join(self._client)["id"]
        return member

    def member_of(self, project: str) -> str:
        member = self.member()
        self._client.put(f"/v1/projects/{project}/members/{member}", json={"role": "viewer"}).raise_for_status()
        return f"/v1/projects/{project}/members/{member}"

    def organization(self) -> str:
        organization: str = found_organization(self._client)["id"]
        return organization

    def disabled(self) -> str:
        organization = self.organization()
        self._client.post(f"/v1/organizations/{organization}/disable").raise_for_status()
        return organization

    def made(self, path: str, body: dict[str, Any]) -> str:
        answer = self._client.post(path, json=body)
        assert answer.status_code == 201, answer.text
        made: str = answer.json()["id"]
        return made


Call = tuple[str, str, dict[str, Any]]
WRITES: dict[str, tuple[Callable[[Things], Call], str, str]] = {
    "createApiKey": (lambda _: ("POST", "/v1/api-keys", {"name": "New"}), "api_key.create", "api_key"),
    "changeApiKey": (
        lambda made: ("PATCH", f"/v1/api-keys/{made.key()}", {"name": "Changed"}),
        "api_key.change",
        "api_key",
    ),
    "rotateApiKey": (lambda made: ("POST", f"/v1/api-keys/{made.key()}/rotate", {}), "api_key.rotate", "api_key"),
    "revokeApiKey": (lambda made: ("POST", f"/v1/api-keys/{made.key()}/revoke", {}), "api_key.revoke", "api_key"),
    "createProject": (lambda _: ("POST", "/v1/projects", {"name": "New"}), "project.create", "project"),
    "changeProject": (
        lambda made: ("PATCH", f"/v1/projects/{made.project()}", {"name": "Changed"}),
        "project.change",
        "project",
    ),
    "archiveProject": (
        lambda made: ("POST", f"/v1/projects/{made.project()}/archive", {}),
        "project.archive",
        "project",
    ),
    "registerApi": (lambda _: ("POST", "/v1/apis", {"audience": "urn:new", "name": "New"}), "api.register", "api"),
    "changeApi": (lambda made: ("PATCH", f"/v1/apis/{made.api()}", {"name": "Changed"}), "api.change", "api"),
    "importApiKeys": (
        lambda _: ("POST", "/v1/api-keys/import", {"format": FORMAT, "keys": [row(made_elsewhere())]}),
        "api_key.import",
        "key_format",
    ),
    "createRole": (
        lambda _: ("POST", "/v1/roles", {"name": "New", "permissions": ["projects:read"]}),
        "role.create",
        "role",
    ),
    "changeRole": (lambda made: ("PATCH", f"/v1/roles/{made.role()}", {"permissions": []}), "role.change", "role"),
    "deleteRole": (lambda made: ("DELETE", f"/v1/roles/{made.role()}", {}), "role.delete", "role"),
    "changeUserRole": (
        lambda made: ("PATCH", f"/v1/users/{made.member()}", {"role": "developer"}),
        "member.change_role",
        "user",
    ),
    "removeUser": (lambda made: ("DELETE", f"/v1/users/{made.member()}", {}), "member.remove", "user"),
    "putProjectMember": (
        lambda made: ("PUT", f"/v1/projects/{made.project()}/members/{made.member()}", {"role": "viewer"}),
        "project_member.set",
        "project",
    ),
    "removeProjectMember": (
        lambda made: ("DELETE", made.member_of(made.project()), {}),
        "project_member.remove",
        "project",
    ),
    "createInvitation": (
        lambda _: ("POST", "/v1/invitations", {"email": "new@example.com", "role": "viewer"}),
        "invitation.create",
        "invitation",
    ),
    "withdrawInvitation": (
        lambda made: (
            "DELETE",
            f"/v1/invitations/{made.made('/v1/invitations', {'email': 'gone@example.com', 'role': 'viewer'})}",
            {},
        ),
        "invitation.withdraw",
        "invitation",
    ),
    "createOrganization": (
        lambda _: ("POST", "/v1/organizations", {"name": "New", "owner_email": "o@example.com"}),
        "organization.create",
        "organization",
    ),
    "renameOrganization": (
        lambda made: ("PATCH", f"/v1/organizations/{made.organization()}", {"name": "Renamed"}),
        "organization.rename",
        "organization",
    ),
    "disableOrganization": (
        lambda made: ("POST", f"/v1/organizations/{made.organization()}/disable", {}),
        "organization.disable",
        "organization",
    ),
    "enableOrganization": (
        lambda made: ("POST", f"/v1/organizations/{made.disabled()}/enable", {}),
        "organization.enable",
        "organization",
    ),
}
"""A request for each operation that changes something, and the event that it leaves."""

READS = {
    "verify": "It asks, and changes nothing.",
    "forwardAuth": "Likewise, whatever the method.",
    "forwardAuthBelow": "Likewise.",
    "acceptInvitation": "It leaves one whose actor is the invitation: nobody is authenticated yet.",
}
"""Operations with a method that could change something, and why none of them leaves an event."""


def test_every_operation_that_changes_something_is_known_here(shared_server: RunningServer) -> None:
    document = shared_server.client(None).get("/openapi.json").json()
    found = {
        operation["operationId"]
        for item in document["paths"].values()
        for method, operation in item.items()
        if method in ("post", "put", "patch", "delete")
    }
    assert found == WRITES.keys() | (READS.keys() & found)


@pytest.mark.parametrize("operation", WRITES)
def test_a_change_leaves_one_event_that_says_who_did_what_to_which_thing_from_where(
    shared_server: RunningServer, client: Client, operation: str
) -> None:
    call, action, target_type = WRITES[operation]
    method, path, body = call(Things(client))
    latest = events(client)[0]["id"]
    answer = client.request(method, path, json=body)
    assert answer.is_success, answer.text
    event, before = events(client, limit=2)
    assert before["id"] == latest, "one event and no more"
    founded = shared_server.founded
    assert founded is not None
    named = re.search(r"(key|prj|api)_[0-9a-v]{26}", path)
    made = answer.json()
    made_id = made["format"]["id"] if operation == "importApiKeys" else made.get("id")
    assert event == {
        "id": event["id"],
        "organization_id": founded.organization.id,
        "at": shared_server.clock.at(0),
        "action": action,
        "actor": {"type": "service_account", "id": founded.project.id},
        "credential_id": founded.issued.key.id,
        "address": "127.0.0.1",
        "request_id": answer.headers["X-Request-Id"],
        "target": {"type": target_type, "id": named[0] if named else made_id},
        "before": event["before"],
        "after": event["after"],
        "sequence": event["sequence"],
    }
    assert re.fullmatch(r"evt_[0-9a-v]{26}", event["id"])
    assert client.get(f"/v1/audit-events/{event['id']}").json()["id"] == event["id"]


def test_a_creation_is_told_whole_and_a_change_by_what_differs(client: Client, shared_server: RunningServer) -> None:
    things = Things(client)
    key = things.key()
    created = events(client)[0]
    assert created["before"] is None
    assert (created["after"]["id"], created["after"]["name"]) == (key, "K")
    assert created["after"]["created_at"] == shared_server.clock.at(0)
    client.patch(f"/v1/api-keys/{key}", json={"name": "Renamed", "description": ""})
    changed = events(client)[0]
    assert (changed["before"], changed["after"]) == ({"name": "K"}, {"name": "Renamed"})
    client.post(f"/v1/api-keys/{key}/revoke", json={"reason": "lost"})
    revoked = events(client)[0]
    assert revoked["before"] == {"revoked_at": None, "revocation_reason": None}
    assert revoked["after"] == {"revoked_at": shared_server.clock.at(0), "revocation_reason": "lost"}


def test_a_rotation_is_told_with_both_keys(client: Client) -> None:
    key = Things(client).key()
    successor = client.post(f"/v1/api-keys/{key}/rotate", json={}).json()
    event = events(client)[0]
    assert event["target"]["id"] == key
    assert event["before"] == {"expires_at": None, "successor_id": None}
    assert event["after"]["successor_id"] == event["after"]["successor"]["id"] == successor["id"]
    assert event["after"]["successor"]["created_at"] == successor["created_at"]


def test_the_founding_is_told_as_the_work_of_the_command_line(server: RunningServer) -> None:
    founded = server.founded
    assert founded is not None
    (event,) = events(client_of(server))
    assert (event["action"], event["actor"]) == ("installation.found", {"type": "system", "id": "cli"})
    assert event["target"] == {"type": "organization", "id": founded.organization.id}
    assert (event["credential_id"], event["address"], event["request_id"]) == (None, None, None)
    assert event["after"]["owner"]["email"] == "owner@acme.example"
    assert event["after"]["api_key"]["id"] == founded.issued.key.id


def test_what_changes_nothing_leaves_no_event(server: RunningServer) -> None:
    client = client_of(server)
    things = Things(client)
    key, project, api = things.key(), things.project(), things.api()
    once = {"Idempotency-Key": "one"}
    client.post("/v1/api-keys", json={"name": "Once"}, headers=once)
    client.post(f"/v1/api-keys/{key}/revoke", json={})
    client.post(f"/v1/projects/{project}/archive", json={})
    before = events(client)
    assert client.post("/v1/api-keys", json={"name": "Once"}, headers=once).json()["replayed"] is True
    assert client.post(f"/v1/api-keys/{key}/revoke", json={}).status_code == 200
    assert client.post(f"/v1/projects/{project}/archive", json={}).status_code == 200
    assert client.patch(f"/v1/apis/{api}", json={"name": "A"}).status_code == 200
    assert client.patch(f"/v1/api-keys/{things.key()}", json={}).status_code == 200
    assert client.patch(f"/v1/projects/{things.project()}", json={"name": "P"}).status_code == 200
    refused = [
        client.post("/v1/api-keys", json={"name": "K", "scopes": ["no:such"]}),
        client.post("/v1/api-keys/key_0/revoke", json={}),
        client.patch(f"/v1/projects/{project}", json={"name": "Back"}),
    ]
    assert [answer.is_success for answer in refused] == [False] * 3
    added = [event["action"] for event in events(client)][: -len(before)]
    assert added == ["project.create", "api_key.create"], "those that were made on the way"


def test_no_event_holds_a_secret_or_a_digest(server: RunningServer) -> None:
    client = client_of(server)
    secrets = [server.key, client.post("/v1/api-keys", json={"name": "K"}).json()["api_key"]]
    rotated = client.post(f"/v1/api-keys/{Things(client).key()}/rotate", json={}).json()
    secrets.append(rotated["api_key"])

    async def step(installation: Installation) -> tuple[str, list[bytes]]:
        rows = await installation.database.read(lambda connection: connection.execute(select(audit_events)).all())
        digests = await installation.database.read(
            lambda connection: list(connection.execute(select(api_keys.c.digest)).scalars())
        )
        return repr(rows), digests

    rows, digests = server.call(step)
    assert "api_key.rotate" in rows
    assert len(digests) == 4
    assert not leaked(rows)
    for secret in secrets:
        assert secret not in rows
        assert secret[8:40] not in rows
    for digest in digests:
        assert digest.hex() not in rows
        assert repr(digest)[2:-1] not in rows
    assert not leaked(json.dumps(events(client)))


# Reading


def test_events_are_filtered_by_action_actor_target_and_time(server: RunningServer) -> None:
    client = client_of(server)
    things = Things(client)
    server.clock.turn(10)
    key = things.key()
    since = server.clock.at(0)
    server.clock.turn(10)
    until = server.clock.at(0)
    client.patch(f"/v1/api-keys/{key}", json={"name": "N"})
    server.clock.turn(10)
    things.project()

    def actions(**filters: str) -> list[str]:
        return [event["action"] for event in events(client, **filters)]

    assert actions() == ["project.create", "api_key.change", "api_key.create", "installation.found"]
    assert actions(action="api_key.change") == ["api_key.change"]
    assert actions(target_id=key) == ["api_key.change", "api_key.create"]
    assert actions(actor_id="cli") == ["installation.found"]
    assert actions(since=since) == ["project.create", "api_key.change", "api_key.create"]
    assert actions(until=until) == ["api_key.create", "installation.found"]
    assert actions(since=since, until=until) == ["api_key.create"]
    assert actions(target_id=key, since=until) == ["api_key.change"]
    assert actions(action="no.such") == []


def test_pages_hold_every_event_once_also_within_a_time(server: RunningServer) -> None:
    client = client_of(server)
    things = Things(client)
    for _ in range(6):
        server.clock.turn(1)
        things.key()
    until = server.clock.at(0)
    for filters in ({}, {"until": until}, {"action": "api_key.create", "until": until}):
        expected = [event["id"] for event in events(client, **filters)]
        assert len(expected) >= 5
        seen: list[str] = []
        cursor: dict[str, str] = {}
        while len(seen) < len(expected):
            page = client.get("/v1/audit-events", params={"limit": 2, **filters, **cursor}).json()
            seen += [event["id"] for event in page["data"]]
            cursor = {"cursor": page["next_cursor"]}
        assert cursor == {"cursor": None}
        assert seen == expected
    stale = client.get("/v1/audit-events", params={"limit": 2}).json()["next_cursor"]
    assert problem(client.get("/v1/audit-events", params={"cursor": stale, "action": "a"})) == (400, "invalid_request")


def test_another_organizations_events_do_not_exist(shared_server: RunningServer, client: Client) -> None:
    neighbour = move_in(shared_server)
    theirs = client_of(shared_server, neighbour.secret)
    made = theirs.post("/v1/projects", json={"name": "Theirs"}).json()["id"]
    (event,) = events(theirs)
    assert (event["target"]["id"], event["organization_id"]) == (made, neighbour.organization_id)
    ours = Things(client).project()
    assert events(client)[0]["target"]["id"] == ours
    assert events(client, target_id=made) == []
    assert events(theirs, target_id=ours) == []
    assert problem(client.get(f"/v1/audit-events/{event['id']}")) == (404, "not_found")
    assert problem(theirs.get(f"/v1/audit-events/{events(client)[0]['id']}")) == (404, "not_found")


def test_the_trail_is_for_those_who_hold_its_permission(shared_server: RunningServer) -> None:
    without = shared_server.client(shared_server.create_key(scopes=["api-keys:read"])["api_key"])
    holder = shared_server.client(shared_server.create_key(scopes=["audit-events:read"])["api_key"])
    event = events(holder)[0]
    assert problem(without.get("/v1/audit-events")) == (403, "insufficient_scope")
    assert problem(without.get(f"/v1/audit-events/{event['id']}")) == (403, "insufficient_scope")
    assert problem(shared_server.client(None).get("/v1/audit-events")) == (401, "missing_credential")


@pytest.mark.parametrize("query", ["since=yesterday", "until=1999-01-01T00:00:00Z", "actor=x", "action=a&action=b"])
def test_a_filter_that_means_nothing_is_refused(client: Client, query: str) -> None:
    assert problem(client.get(f"/v1/audit-events?{query}")) == (400, "invalid_request")


@pytest.mark.parametrize("path", ["evt_0", "key_0", "%00", "evt_" + "0" * 300])
def test_what_is_no_event_is_not_found(client: Client, path: str) -> None:
    assert problem(client.get(f"/v1/audit-events/{path}")) == (404, "not_found")
