"""``/v1/projects/{project_id}/members``, and what somebody can do who holds something in single projects only."""

from typing import Any, Final

import pytest

from tests.harness.acting import Acting
from tests.harness.neighbour import move_in
from tests.harness.people import join, make_role
from tests.harness.rows import stored_rows
from tests.harness.server import Client, RunningServer
from tests.wire.doors import problem
from wayvo.core.access.grants import NO_ACCESS
from wayvo.core.access.permissions import OWN_AUDIENCE
from wayvo.core.access.roles import BUILT_IN
from wayvo.core.errors import AccessNotHeld, InsufficientScope, NotFound
from wayvo.core.organizations import Project, ProjectMember
from wayvo.services.lists import Listing, Paging
from wayvo.services.projects import ChangeProject

EVERYTHING: Final = {OWN_AUDIENCE: ("*",)}


def code(response: Any) -> tuple[int, str]:
    """Return a refusal's status and code."""
    return response.status_code, problem(response)["code"]


def make_project(client: Client) -> str:
    """Return the id of a new project."""
    return str(client.post("/v1/projects", json={"name": "n"}).json()["id"])


def test_a_member_is_given_a_role_in_a_project_and_another_one_in_its_place(
    shared_server: RunningServer, client: Client
) -> None:
    project, member = make_project(client), join(client)
    path = f"/v1/projects/{project}/members/{member['id']}"
    role = make_role(client, "users:read", name="In a project")
    placed = client.put(path, json={"role": "admin"})
    assert placed.status_code == 200
    expected = {
        "project_id": project,
        "user_id": member["id"],
        "email": member["email"],
        "name": member["name"],
        "role": "admin",
        "role_name": "admin",
        "created_at": shared_server.clock.at(0),
    }
    assert placed.json() == client.put(path, json={"role": "admin"}).json() == expected
    moved = client.put(path, json={"role": role["id"]}).json()
    assert moved == expected | {"role": role["id"], "role_name": "In a project"}
    assert client.get(f"/v1/projects/{project}/members").json()["data"] == [moved]
    assert client.get(f"/v1/users/{member['id']}").json()["role"] == "viewer", "the organization's role stays"
    assert client.delete(path).json() == moved
    assert code(client.delete(path)) == (404, "not_found")


def test_members_of_a_project_are_listed_page_by_page(client: Client) -> None:
    project = make_project(client)
    ids = [join(client)["id"] for _ in range(5)]
    for one in ids:
        client.put(f"/v1/projects/{project}/members/{one}", json={"role": "viewer"})
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while cursor.get("cursor", "") is not None:
        page = client.get(f"/v1/projects/{project}/members", params={"limit": 2, **cursor}).json()
        seen += [member["user_id"] for member in page["data"]]
        cursor = {"cursor": page["next_cursor"]}
    assert sorted(seen) == sorted(ids)
    other = client.get(f"/v1/projects/{make_project(client)}/members", params={"limit": 2, "cursor": "x"})
    assert code(other) == (400, "invalid_request")


def test_a_project_has_no_owner_of_its_own_and_no_role_that_there_is_not(client: Client) -> None:
    path = f"/v1/projects/{make_project(client)}/members/{join(client)['id']}"
    for role in ("owner", "root", "rol_0"):
        refusal = client.put(path, json={"role": role})
        assert code(refusal) == (422, "invalid_field")
        assert [fault["field"] for fault in refusal.json()["errors"]] == ["role"]


def test_only_a_member_of_the_organization_becomes_one_of_its_projects(
    shared_server: RunningServer, client: Client
) -> None:
    neighbour = move_in(shared_server)
    project = make_project(client)
    for other in (neighbour.user_id, project, "usr_0", "%00"):
        path = f"/v1/projects/{project}/members/{other}"
        assert code(client.put(path, json={"role": "viewer"})) == (404, "not_found")
        assert code(client.delete(path)) == (404, "not_found")


def test_to_a_stranger_no_project_of_another_organization_has_members(
    shared_server: RunningServer, client: Client
) -> None:
    neighbour = move_in(shared_server)
    project, member = make_project(client), join(client)
    client.put(f"/v1/projects/{project}/members/{member['id']}", json={"role": "viewer"})
    theirs = shared_server.client(neighbour.secret)
    before = stored_rows(shared_server)
    for where in (project, neighbour.user_id, "prj_0", "%00"):
        path = f"/v1/projects/{where}/members"
        assert code(theirs.get(path)) == (404, "not_found")
        for user in (member["id"], neighbour.user_id):
            assert code(theirs.put(f"{path}/{user}", json={"role": "viewer"})) == (404, "not_found")
            assert code(theirs.delete(f"{path}/{user}")) == (404, "not_found")
    assert stored_rows(shared_server) == before


def test_an_archived_project_gets_no_members_and_loses_those_who_must_go(client: Client) -> None:
    project, member, other = make_project(client), join(client), join(client)
    path = f"/v1/projects/{project}/members"
    client.put(f"{path}/{member['id']}", json={"role": "viewer"})
    client.post(f"/v1/projects/{project}/archive")
    assert code(client.put(f"{path}/{other['id']}", json={"role": "viewer"})) == (409, "project_archived")
    assert client.delete(f"{path}/{member['id']}").status_code == 200
    assert client.get(path).json()["data"] == []


@pytest.mark.parametrize("extra", ["organization_id", "project_id", "user_id", "created_at"])
def test_members_of_a_body_that_are_not_the_callers_to_set_are_refused(client: Client, extra: str) -> None:
    path = f"/v1/projects/{make_project(client)}/members/{join(client)['id']}"
    refusal = client.put(path, json={"role": "viewer", extra: "x"})
    assert code(refusal) == (422, "invalid_field")
    assert [fault["field"] for fault in refusal.json()["errors"]] == [extra]


def test_nobody_gives_in_a_project_what_they_hold_in_another_only(server: RunningServer) -> None:
    client = server.client()
    acting = Acting(server)
    mine, other = make_project(client), make_project(client)
    admin, member = join(client)["id"], join(client)["id"]
    client.put(f"/v1/projects/{mine}/members/{admin}", json={"role": "admin"})
    role = BUILT_IN["admin"].access
    actor = acting.member(admin, "viewer", {mine: role})
    members = acting.project_members
    assert isinstance(acting.do(members.put(actor, mine, member, "developer")), ProjectMember)
    assert isinstance(acting.do(members.put(actor, mine, member, make_role(client, "*")["id"])), AccessNotHeld)
    before = stored_rows(server)
    # What exists in the organization, but not for them.
    for step in (members.put(actor, other, member, "viewer"), members.remove(actor, other, member)):
        assert isinstance(acting.do(step), NotFound)
    # In the organization they are a viewer still.
    assert isinstance(acting.do(acting.users.change_role(actor, member, "developer")), InsufficientScope)
    client.put(f"/v1/projects/{mine}/members/{member}", json={"role": make_role(client, "*")["id"]})
    assert isinstance(acting.do(members.remove(actor, mine, member)), AccessNotHeld)
    assert isinstance(acting.do(members.put(actor, mine, member, "viewer")), AccessNotHeld)
    assert len(stored_rows(server)["project_members"]) == len(before["project_members"])


def test_who_lost_their_role_in_a_project_after_they_were_let_in_does_nothing_more_there(
    server: RunningServer,
) -> None:
    client = server.client()
    acting = Acting(server)
    project, admin, member = make_project(client), join(client)["id"], join(client)["id"]
    actor = acting.member(admin, "viewer", {project: BUILT_IN["admin"].access})
    assert isinstance(acting.do(acting.project_members.put(actor, project, member, "viewer")), InsufficientScope)
    assert client.get(f"/v1/projects/{project}/members").json()["data"] == []


def test_who_holds_something_in_single_projects_sees_and_changes_those_alone(server: RunningServer) -> None:
    client = server.client()
    acting = Acting(server)
    mine, other = make_project(client), make_project(client)
    member = join(client)["id"]
    role = make_role(client, "*")["id"]
    client.put(f"/v1/projects/{mine}/members/{member}", json={"role": role}).raise_for_status()
    actor = acting.member(member, NO_ACCESS, {mine: EVERYTHING})
    listing = acting.do(acting.projects.list(actor, Paging()))
    assert isinstance(listing, Listing)
    assert [project.id for project in listing.rows] == [mine]
    projects = acting.projects
    assert acting.do(projects.get(actor, mine)).id == mine
    assert acting.do(projects.change(actor, mine, ChangeProject(name="Mine"))).name == "Mine"
    before = stored_rows(server)
    refused: tuple[Any, ...] = (
        projects.get(actor, other),
        projects.change(actor, other, ChangeProject(name="Mine")),
        projects.archive(actor, other),
        acting.project_members.list(actor, other, Paging()),
    )
    for step in refused:
        assert isinstance(acting.do(step), NotFound)
    assert stored_rows(server) == before
    assert isinstance(acting.do(projects.archive(actor, mine)), Project)
    nothing = acting.member(join(client)["id"], NO_ACCESS)
    refused = (projects.get(nothing, mine), projects.archive(nothing, mine), projects.list(nothing, Paging()))
    for step in refused:
        assert isinstance(acting.do(step), InsufficientScope)
