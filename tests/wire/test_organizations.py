"""``/v1/organizations``: all of them to the operator, one's own to everybody else."""

from typing import Any

import pytest

from tests.harness.neighbour import move_in
from tests.harness.people import found_organization
from tests.harness.rows import stored_rows
from tests.harness.server import Client, RunningServer
from tests.wire.doors import problem


def code(response: Any) -> tuple[int, str]:
    """Return a refusal's status and code."""
    return response.status_code, problem(response)["code"]


def holder(server: RunningServer, *scopes: str) -> Client:
    """Return a client of the operator's organization whose key holds these scopes."""
    return server.client(server.create_key(scopes=scopes)["api_key"])


def own_id(server: RunningServer) -> str:
    """Return the id of the operator's organization."""
    assert server.founded is not None
    return server.founded.organization.id


def test_an_organization_begins_with_a_project_and_an_invitation_of_its_owner(shared_server: RunningServer) -> None:
    client = shared_server.client()
    made = client.post("/v1/organizations", json={"name": "Umbrella", "owner_email": "Grace@Umbrella.example"})
    assert made.status_code == 201
    body = made.json()
    shown = client.get(f"/v1/organizations/{body['id']}").json()
    assert shown == {
        "id": body["id"],
        "name": "Umbrella",
        "status": "active",
        "is_operator": False,
        "created_at": shared_server.clock.at(0),
        "disabled_at": None,
    }
    assert body == shown | {"project_id": body["project_id"], "invitation": body["invitation"]}
    invitation = body["invitation"]
    assert (invitation["email"], invitation["role"]) == ("grace@umbrella.example", "owner")
    accepted = shared_server.client(None).post("/v1/invitations/accept", json={"token": invitation["token"]})
    assert accepted.json()["organization"] == shown
    assert accepted.json()["user"]["role"] == "owner"
    # They are another organization's: the operator sees that it exists, and nothing in it.
    assert code(client.get(f"/v1/users/{accepted.json()['user']['id']}")) == (404, "not_found")
    assert code(client.get(f"/v1/projects/{body['project_id']}")) == (404, "not_found")


def test_the_operator_sees_all_organizations_and_the_others_their_own(server: RunningServer) -> None:
    client = server.client()
    made = []
    for name in ("One", "Two"):
        server.clock.turn(1)
        made.append(found_organization(client, name)["id"])
    server.clock.turn(1)
    neighbour = move_in(server)
    everything = [neighbour.organization_id, *reversed(made), own_id(server)]
    assert [one["id"] for one in client.get("/v1/organizations").json()["data"]] == everything
    page = client.get("/v1/organizations", params={"limit": 3}).json()
    rest = client.get("/v1/organizations", params={"limit": 3, "cursor": page["next_cursor"]}).json()
    assert [one["id"] for one in page["data"] + rest["data"]] == everything
    # Even who holds everything there: a permission of the operator's is nobody else's to hold.
    theirs = server.client(neighbour.secret)
    assert [one["id"] for one in theirs.get("/v1/organizations").json()["data"]] == [neighbour.organization_id]
    modest = holder(server, "organizations:read")
    assert [one["id"] for one in modest.get("/v1/organizations").json()["data"]] == [own_id(server)]
    seer = holder(server, "installation:read")
    assert [one["id"] for one in seer.get("/v1/organizations").json()["data"]] == everything
    assert seer.get(f"/v1/organizations/{made[0]}").status_code == 200


def test_to_a_stranger_no_other_organization_exists(shared_server: RunningServer, client: Client) -> None:
    neighbour = move_in(shared_server)
    other = found_organization(client)["id"]
    theirs = shared_server.client(neighbour.secret)
    before = stored_rows(shared_server)
    for one in (other, own_id(shared_server), neighbour.user_id, "org_0", "%00"):
        path = f"/v1/organizations/{one}"
        assert code(theirs.get(path)) == (404, "not_found")
        assert code(theirs.patch(path, json={"name": "Ours"})) == (404, "not_found")
        for verb in () if one == "%00" else ("disable", "enable"):
            # Whether it exists or not: this permission is the operator's.
            assert code(theirs.post(f"{path}/{verb}")) == (403, "insufficient_scope")
    body = {"name": "More", "owner_email": "o@example.com"}
    assert code(theirs.post("/v1/organizations", json=body)) == (403, "insufficient_scope")
    assert stored_rows(shared_server) == before
    modest = holder(shared_server, "organizations:*")
    assert code(modest.get(f"/v1/organizations/{other}")) == (404, "not_found")
    assert code(modest.patch(f"/v1/organizations/{other}", json={"name": "Ours"})) == (404, "not_found")


def test_what_there_is_not_is_not_found_by_the_operator_either(shared_server: RunningServer, client: Client) -> None:
    for one in ("org_0", "%00", move_in(shared_server).project_id):
        path = f"/v1/organizations/{one}"
        assert code(client.get(path)) == (404, "not_found")
        assert code(client.patch(path, json={"name": "n"})) == (404, "not_found")
        assert code(client.post(f"{path}/disable")) == (404, "not_found")
        assert code(client.post(f"{path}/enable")) == (404, "not_found")


def test_an_organization_is_renamed_by_its_own_and_by_the_operator(server: RunningServer) -> None:
    neighbour = move_in(server)
    path = f"/v1/organizations/{neighbour.organization_id}"
    for client, name in ((server.client(neighbour.secret), "Ours"), (server.client(), "Theirs")):
        renamed = client.patch(path, json={"name": name})
        assert renamed.json() == client.get(path).json()
        assert renamed.json()["name"] == name
    reader = holder(server, "organizations:read", "installation:read")
    assert code(reader.patch(path, json={"name": "n"})) == (403, "insufficient_scope")


def test_the_operators_organization_is_never_disabled(shared_server: RunningServer, client: Client) -> None:
    before = stored_rows(shared_server)
    path = f"/v1/organizations/{own_id(shared_server)}"
    assert code(client.post(f"{path}/disable")) == (409, "operator_organization")
    assert stored_rows(shared_server) == before


def test_an_organization_is_disabled_and_enabled_as_often_as_it_is_asked(server: RunningServer) -> None:
    client = server.client()
    made = found_organization(client)["id"]
    path = f"/v1/organizations/{made}"
    disabled = client.post(f"{path}/disable").json()
    assert (disabled["status"], disabled["disabled_at"]) == ("disabled", server.clock.at(0))
    before = stored_rows(server)
    server.clock.turn(1)
    assert client.post(f"{path}/disable", json={}).json() == client.get(path).json() == disabled
    assert stored_rows(server) == before
    enabled = client.post(f"{path}/enable").json()
    assert (enabled["status"], enabled["disabled_at"]) == ("active", None)
    before = stored_rows(server)
    assert client.post(f"{path}/enable").json() == enabled
    assert stored_rows(server) == before


@pytest.mark.parametrize("extra", ["id", "is_operator", "disabled_at", "organization_id", "role"])
def test_members_of_a_body_that_are_not_the_callers_to_set_are_refused(
    shared_server: RunningServer, client: Client, extra: str
) -> None:
    before = stored_rows(shared_server)
    path = f"/v1/organizations/{own_id(shared_server)}"
    for answer in (
        client.post("/v1/organizations", json={"name": "n", "owner_email": "o@example.com", extra: True}),
        client.patch(path, json={"name": "n", extra: True}),
        client.post(f"{path}/disable", json={extra: True}),
    ):
        assert code(answer) == (422, "invalid_field")
        assert [fault["field"] for fault in answer.json()["errors"]] == [extra]
    assert stored_rows(shared_server) == before


def test_an_organization_that_is_asked_for_twice_under_one_key_is_made_once(client: Client) -> None:
    body, once = {"name": "Once", "owner_email": "once@example.com"}, {"Idempotency-Key": "organization-once"}
    first, second = (client.post("/v1/organizations", json=body, headers=once).json() for _ in range(2))
    assert second == first | {"invitation": None, "replayed": True}
