"""``/v1/users``: the members of the caller's organization."""

import re

import httpx

from tests.harness.acting import Acting
from tests.harness.neighbour import move_in
from tests.harness.people import join, make_role
from tests.harness.rows import stored_rows
from tests.harness.server import Client, RunningServer
from wayvo.core.access.permissions import OWN_AUDIENCE
from wayvo.core.access.roles import BUILT_IN
from wayvo.core.errors import InsufficientScope, LastOwner, NotFound
from wayvo.services.invitations import Invite
from wayvo.services.roles import CreateRole


def problem(response: httpx.Response) -> tuple[int, str]:
    """Return a refusal's status and code."""
    return response.status_code, response.json()["code"]


def test_the_owner_is_listed_and_shown_with_a_role(server: RunningServer) -> None:
    client = server.client()
    founded = server.founded
    assert founded is not None
    owner = {
        "id": founded.owner.id,
        "email": "owner@acme.example",
        "name": "owner",
        "role": "owner",
        "role_name": "owner",
        "created_at": server.clock.at(0),
    }
    assert re.fullmatch(r"usr_[0-9a-v]{26}", owner["id"])
    assert client.get("/v1/users").json() == {"data": [owner], "next_cursor": None}
    assert client.get(f"/v1/users/{owner['id']}").json() == owner


def test_nobody_sees_the_members_of_another_organization(shared_server: RunningServer, client: Client) -> None:
    neighbour = move_in(shared_server)
    founded = shared_server.founded
    assert founded is not None
    for other in (neighbour.user_id, founded.project.id, founded.organization.id, "usr_0", "%00"):
        assert problem(client.get(f"/v1/users/{other}")) == (404, "not_found")
    theirs = shared_server.client(neighbour.secret)
    assert [user["id"] for user in theirs.get("/v1/users").json()["data"]] == [neighbour.user_id]
    assert problem(theirs.get(f"/v1/users/{founded.owner.id}")) == (404, "not_found")


def test_no_password_is_shown(client: Client) -> None:
    assert "password" not in client.get("/v1/users").text


def holder(server: RunningServer, *scopes: str) -> Client:
    """Return a client whose key holds these scopes."""
    return server.client(server.create_key(scopes=scopes)["api_key"])


def owner_id(server: RunningServer) -> str:
    """Return the id of the operator's first owner."""
    assert server.founded is not None
    return server.founded.owner.id


def test_a_member_is_given_another_role_and_shown_with_it(client: Client) -> None:
    member = join(client, "viewer")
    role = make_role(client, "users:read", name="Lookers")
    path = f"/v1/users/{member['id']}"
    changed = client.patch(path, json={"role": role["id"]})
    assert changed.json() == client.get(path).json() == member | {"role": role["id"], "role_name": "Lookers"}
    assert client.patch(path, json={"role": "admin"}).json() == member | {"role": "admin", "role_name": "admin"}
    listed = {user["id"]: user for user in client.get("/v1/users").json()["data"]}
    assert listed[member["id"]]["role"] == "admin"


def test_a_role_that_there_is_not_is_refused_by_its_field(shared_server: RunningServer, client: Client) -> None:
    member = join(client)
    before = stored_rows(shared_server)
    for role in ("", "Owner", "root", "rol_0", member["id"], "x" * 65):
        refusal = client.patch(f"/v1/users/{member['id']}", json={"role": role})
        assert problem(refusal) == (422, "invalid_field")
        assert [fault["field"] for fault in refusal.json()["errors"]] == ["role"]
    assert stored_rows(shared_server) == before


def test_nobody_gives_a_role_that_allows_more_than_they_hold(shared_server: RunningServer, client: Client) -> None:
    member = join(client, "viewer")
    giver = holder(shared_server, "users:write", "users:read", "api-keys:read", "apis:read", "organizations:read")
    everything = holder(shared_server, "*")
    path = f"/v1/users/{member['id']}"
    before = stored_rows(shared_server)
    for role in ("owner", "admin", "developer"):
        assert problem(giver.patch(path, json={"role": role})) == (403, "access_not_held")
    assert stored_rows(shared_server) == before
    assert everything.patch(path, json={"role": "owner"}).status_code == 200


def test_nobody_touches_a_member_who_holds_more_than_they_do(shared_server: RunningServer, client: Client) -> None:
    admin_like = BUILT_IN["admin"].access[OWN_AUDIENCE]
    giver = holder(shared_server, *admin_like)
    owner, admin = join(client, "owner"), join(client, "admin")
    before = stored_rows(shared_server)
    path = f"/v1/users/{owner['id']}"
    assert problem(giver.patch(path, json={"role": "viewer"})) == (403, "access_not_held")
    assert problem(giver.delete(path)) == (403, "access_not_held")
    assert stored_rows(shared_server) == before
    assert giver.patch(f"/v1/users/{admin['id']}", json={"role": "viewer"}).status_code == 200


def test_what_a_member_holds_in_one_project_counts_as_held(shared_server: RunningServer, client: Client) -> None:
    viewer_like = BUILT_IN["viewer"].access[OWN_AUDIENCE]
    giver = holder(shared_server, "users:write", *viewer_like)
    member = join(client, "viewer")
    project = client.post("/v1/projects", json={"name": "n"}).json()["id"]
    client.put(f"/v1/projects/{project}/members/{member['id']}", json={"role": "admin"})
    assert problem(giver.delete(f"/v1/users/{member['id']}")) == (403, "access_not_held")
    client.delete(f"/v1/projects/{project}/members/{member['id']}")
    assert giver.delete(f"/v1/users/{member['id']}").status_code == 200


def test_the_last_owner_is_neither_demoted_nor_removed(server: RunningServer) -> None:
    client = server.client()
    path = f"/v1/users/{owner_id(server)}"
    before = stored_rows(server)
    assert problem(client.patch(path, json={"role": "admin"})) == (409, "last_owner")
    assert problem(client.delete(path)) == (409, "last_owner")
    assert client.patch(path, json={"role": "owner"}).status_code == 200
    assert stored_rows(server) == before
    second = join(client, "owner")
    assert client.patch(path, json={"role": "admin"}).status_code == 200
    assert problem(client.delete(f"/v1/users/{second['id']}")) == (409, "last_owner")


def test_who_is_removed_is_gone_from_the_organization_and_its_projects(client: Client) -> None:
    member = join(client, "developer")
    project = client.post("/v1/projects", json={"name": "n"}).json()["id"]
    client.put(f"/v1/projects/{project}/members/{member['id']}", json={"role": "viewer"})
    path = f"/v1/users/{member['id']}"
    assert client.delete(path).json() == member
    assert problem(client.get(path)) == (404, "not_found")
    assert problem(client.delete(path)) == (404, "not_found")
    assert client.get(f"/v1/projects/{project}/members").json()["data"] == []
    again = join(client, "viewer", email=member["email"])
    assert (again["id"], again["role"]) == (member["id"], "viewer")
    assert client.get(f"/v1/projects/{project}/members").json()["data"] == [], "who is invited again starts anew"


def test_a_member_leaves_with_whatever_they_hold_but_removes_nobody_else(server: RunningServer) -> None:
    client = server.client()
    acting = Acting(server)
    leaver, stayer = join(client, "viewer"), join(client, "viewer")
    actor = acting.member(leaver["id"], {})
    assert isinstance(acting.do(acting.users.remove(actor, stayer["id"])), InsufficientScope)
    assert acting.do(acting.users.remove(actor, leaver["id"])).id == leaver["id"]
    assert isinstance(acting.do(acting.users.remove(actor, leaver["id"])), NotFound)
    owner = acting.member(owner_id(server), "owner")
    assert isinstance(acting.do(acting.users.remove(owner, owner_id(server))), LastOwner)


def test_two_admins_who_demote_each_other_at_once_are_not_both_demoted(server: RunningServer) -> None:
    client = server.client()
    acting = Acting(server)
    ann, bob = join(client, "admin")["id"], join(client, "admin")["id"]
    results = acting.at_once(
        acting.users.change_role(acting.member(ann, "admin"), bob, "viewer"),
        acting.users.change_role(acting.member(bob, "admin"), ann, "viewer"),
    )
    assert sorted(type(result).__name__ for result in results) == ["InsufficientScope", "User"]
    roles = sorted(client.get(f"/v1/users/{user}").json()["role"] for user in (ann, bob))
    assert roles == ["admin", "viewer"]


def test_of_two_owners_who_leave_at_once_one_stays(server: RunningServer) -> None:
    client = server.client()
    acting = Acting(server)
    owners = [owner_id(server), join(client, "owner")["id"]]
    results = acting.at_once(*(acting.users.remove(acting.member(one, "owner"), one) for one in owners))
    assert sorted(type(result).__name__ for result in results) == ["LastOwner", "User"]
    assert [user["role"] for user in client.get("/v1/users").json()["data"]] == ["owner"]


def test_who_was_removed_or_demoted_after_they_were_let_in_does_nothing_more(server: RunningServer) -> None:
    client = server.client()
    acting = Acting(server)
    removed, demoted, other = join(client, "admin")["id"], join(client, "admin")["id"], join(client)["id"]
    client.delete(f"/v1/users/{removed}")
    client.patch(f"/v1/users/{demoted}", json={"role": "developer"})
    before = stored_rows(server)
    project = acting.project_id
    for actor in (acting.member(removed, "admin"), acting.member(demoted, "admin")):
        for step in (
            acting.users.change_role(actor, other, "developer"),
            acting.users.remove(actor, other),
            acting.roles.create(actor, CreateRole(name="n", permissions=("users:read",)), None),
            acting.invitations.create(actor, Invite(email="x@example.com", role="viewer"), None),
            acting.project_members.put(actor, project, other, "viewer"),
            acting.organizations.rename(actor, acting.organization_id, "Theirs"),
        ):
            assert isinstance(acting.do(step), InsufficientScope | NotFound)
    assert stored_rows(server) == before


def test_to_a_stranger_no_member_of_another_organization_exists(shared_server: RunningServer, client: Client) -> None:
    neighbour = move_in(shared_server)
    member = join(client)
    theirs = shared_server.client(neighbour.secret)
    before = stored_rows(shared_server)
    for other in (member["id"], neighbour.project_id, "usr_0", "%00", "me"):
        path = f"/v1/users/{other}"
        for answer in (theirs.get(path), theirs.patch(path, json={"role": "viewer"}), theirs.delete(path)):
            assert problem(answer) == (404, "not_found")
    assert stored_rows(shared_server) == before


def test_a_change_of_role_takes_a_role_and_nothing_else(shared_server: RunningServer, client: Client) -> None:
    member = join(client)
    before = stored_rows(shared_server)
    for extra in ("organization_id", "id", "email", "name", "password", "role_name"):
        refusal = client.patch(f"/v1/users/{member['id']}", json={"role": "viewer", extra: "x"})
        assert problem(refusal) == (422, "invalid_field")
        assert [fault["field"] for fault in refusal.json()["errors"]] == [extra]
    assert stored_rows(shared_server) == before


def test_who_only_reads_members_changes_none(shared_server: RunningServer, client: Client) -> None:
    member = join(client)
    reader = holder(shared_server, "users:read")
    path = f"/v1/users/{member['id']}"
    assert reader.get(path).status_code == 200
    assert problem(reader.patch(path, json={"role": "viewer"})) == (403, "insufficient_scope")
    assert problem(reader.delete(path)) == (403, "insufficient_scope")
