"""``/v1/roles``: what members may be given, and that no role lifts anybody over themselves."""

import re
from typing import Any, Final

import pytest

from tests.harness.acting import Acting
from tests.harness.neighbour import move_in
from tests.harness.people import invite, join, make_role
from tests.harness.rows import stored_rows
from tests.harness.server import Client, RunningServer
from tests.wire.doors import problem
from wayvo.core.access.permissions import OWN_AUDIENCE, PERMISSIONS
from wayvo.core.access.roles import BUILT_IN
from wayvo.core.errors import AccessNotHeld
from wayvo.services.roles import ChangeRole

BUILT_IN_IDS: Final = ["owner", "admin", "developer", "viewer"]


def code(response: Any) -> tuple[int, str]:
    """Return a refusal's status and code."""
    return response.status_code, problem(response)["code"]


def holder(server: RunningServer, *scopes: str, **fields: Any) -> Client:
    """Return a client whose key holds these scopes."""
    return server.client(server.create_key(scopes=scopes, **fields)["api_key"])


def test_a_role_is_made_and_shown_the_same_from_then_on(shared_server: RunningServer, client: Client) -> None:
    made = make_role(client, "projects:read", "api-keys:*", "projects:read", name="Support", description="d")
    assert re.fullmatch(r"rol_[0-9a-v]{26}", made["id"])
    assert made == {
        "id": made["id"],
        "name": "Support",
        "description": "d",
        "built_in": False,
        "permissions": ["api-keys:*", "projects:read"],
        "access": {},
        "created_at": shared_server.clock.at(0),
    }
    assert client.get(f"/v1/roles/{made['id']}").json() == made


def test_a_role_may_give_access_to_other_apis(client: Client) -> None:
    audience = "https://roles.example"
    client.post("/v1/apis", json={"audience": audience, "name": "n", "scopes": [{"name": "a:read"}]})
    made = make_role(client, access={audience: ["a:read"]})
    assert (made["permissions"], made["access"]) == ([], {audience: ["a:read"]})
    body = {"name": "Unknown scope", "permissions": [], "access": {audience: ["a:write"]}}
    refusal = client.post("/v1/roles", json=body)
    assert code(refusal) == (422, "invalid_field")
    own = client.post("/v1/roles", json={"name": "Own", "permissions": [], "access": {OWN_AUDIENCE: ["users:read"]}})
    assert [fault["field"] for fault in own.json()["errors"]] == ["access"]


def test_the_list_begins_with_the_built_in_roles_and_holds_every_role_once_at_any_size_of_page(
    server: RunningServer,
) -> None:
    client = server.client()
    own = []
    for _ in range(3):
        server.clock.turn(1)
        own.append(make_role(client, "users:read")["id"])
    for limit in range(1, 9):
        seen: list[str] = []
        cursor: dict[str, str] = {}
        while cursor.get("cursor", "") is not None:
            page = client.get("/v1/roles", params={"limit": limit, **cursor}).json()
            assert 0 < len(page["data"]) <= limit
            seen += [role["id"] for role in page["data"]]
            cursor = {"cursor": page["next_cursor"]}
        assert seen == [*BUILT_IN_IDS, *reversed(own)]


def test_a_built_in_role_is_shown_and_stays_as_it_is(client: Client) -> None:
    for role_id in BUILT_IN_IDS:
        shown = client.get(f"/v1/roles/{role_id}").json()
        assert (shown["built_in"], shown["created_at"]) == (True, None)
        assert shown["permissions"] == list(BUILT_IN[role_id].access[OWN_AUDIENCE])
        assert code(client.patch(f"/v1/roles/{role_id}", json={"permissions": ["*"]})) == (409, "built_in_role")
        assert code(client.delete(f"/v1/roles/{role_id}")) == (409, "built_in_role")


def test_a_change_changes_what_it_names_and_nothing_else(client: Client) -> None:
    made = make_role(client, "users:read", description="d")
    for change in ({"name": "Renamed"}, {"description": ""}, {"permissions": ["projects:read", "*"]}, {}):
        changed = client.patch(f"/v1/roles/{made['id']}", json=change)
        made |= {name: sorted(value) if isinstance(value, list) else value for name, value in change.items()}
        assert changed.json() == client.get(f"/v1/roles/{made['id']}").json() == made


def test_a_permission_that_does_not_exist_is_refused_by_its_field(shared_server: RunningServer, client: Client) -> None:
    made = make_role(client, "users:read")
    before = stored_rows(shared_server)
    for pattern in ("users:delete", "nothing:*", "users", "Users:read", "*:read", "users:read ", ""):
        for response in (
            client.post("/v1/roles", json={"name": "Odd", "permissions": [pattern]}),
            client.patch(f"/v1/roles/{made['id']}", json={"permissions": [pattern]}),
        ):
            assert code(response) == (422, "invalid_field"), pattern
            (fault,) = response.json()["errors"]
            assert fault["field"].startswith("permissions")
    assert stored_rows(shared_server) == before


def test_a_name_belongs_to_one_role_of_an_organization_and_never_to_a_built_in_one(
    shared_server: RunningServer, client: Client
) -> None:
    make_role(client, name="Taken")
    other = make_role(client, name="Other")
    alike = ("taken", "Ta ken", "\uff34aken", "Ta\u200bken", "\uff4f\uff57\uff4e\uff45\uff52", "ow\u200dner", " admin")
    for name in ("Taken", "owner", "OWNER", "Viewer", *alike):
        body: dict[str, Any] = {"name": name, "permissions": []}
        assert code(client.post("/v1/roles", json=body)) == (409, "role_name_taken")
        assert code(client.patch(f"/v1/roles/{other['id']}", json={"name": name})) == (409, "role_name_taken")
    assert client.patch(f"/v1/roles/{other['id']}", json={"name": "Other"}).status_code == 200
    theirs = shared_server.client(move_in(shared_server).secret)
    assert theirs.post("/v1/roles", json={"name": "Taken", "permissions": []}).status_code == 201


def test_nobody_makes_a_role_that_allows_more_than_they_hold(shared_server: RunningServer) -> None:
    maker = holder(shared_server, "roles:write", "users:read", "projects:*")
    assert maker.post("/v1/roles", json={"name": "W", "permissions": ["projects:write", "roles:write"]}).is_success
    before = stored_rows(shared_server)
    for pattern in ("*", "users:*", "users:write", "roles:*", "installation:write"):
        body = {"name": "Too much", "permissions": ["users:read", pattern]}
        assert code(maker.post("/v1/roles", json=body)) == (403, "access_not_held"), pattern
    assert stored_rows(shared_server) == before


def test_nobody_changes_a_role_to_or_from_more_than_they_hold(shared_server: RunningServer, client: Client) -> None:
    maker = holder(shared_server, "roles:write", "users:read")
    within = make_role(client, "users:read")
    beyond = make_role(client, "users:read", "users:write")
    before = stored_rows(shared_server)
    raised = maker.patch(f"/v1/roles/{within['id']}", json={"permissions": ["users:read", "users:write"]})
    assert code(raised) == (403, "access_not_held")
    for response in (
        maker.patch(f"/v1/roles/{beyond['id']}", json={"permissions": ["users:read"]}),
        maker.patch(f"/v1/roles/{beyond['id']}", json={"name": "Mine now"}),
        maker.delete(f"/v1/roles/{beyond['id']}"),
    ):
        assert code(response) == (403, "access_not_held")
    assert stored_rows(shared_server) == before
    assert maker.patch(f"/v1/roles/{within['id']}", json={"permissions": []}).status_code == 200


def test_a_member_who_edits_their_own_role_can_only_narrow_it(server: RunningServer) -> None:
    client = server.client()
    acting = Acting(server)
    role = make_role(client, "roles:write", "users:read", name="Editor")
    member = acting.member(join(client, role["id"])["id"], {OWN_AUDIENCE: tuple(role["permissions"])})

    def edit(*permissions: str) -> Any:
        return acting.do(acting.roles.change(member, role["id"], ChangeRole(permissions=permissions)))

    for more in ("*", "users:*", "users:write"):
        assert isinstance(edit("roles:write", "users:read", more), AccessNotHeld)
    assert edit("roles:write").access == {OWN_AUDIENCE: ("roles:write",)}
    # What was given away is gone at once, also for a request that was authenticated before.
    assert isinstance(edit("roles:write", "users:read"), AccessNotHeld)


def test_a_permission_of_the_operators_is_in_no_role_of_another_organization(shared_server: RunningServer) -> None:
    theirs = shared_server.client(move_in(shared_server).secret)
    for pattern in ("installation:read", "installation:*"):
        refusal = theirs.post("/v1/roles", json={"name": "Rulers", "permissions": [pattern]})
        assert code(refusal) == (422, "invalid_field")
        assert [fault["field"] for fault in refusal.json()["errors"]] == ["permissions"]
    assert (
        shared_server.client().post("/v1/roles", json={"name": "Rulers", "permissions": ["installation:*"]}).is_success
    )


@pytest.mark.parametrize("by", ["a member", "a member of a project", "an open invitation"])
def test_a_role_that_is_in_use_is_not_deleted_until_it_is_free(server: RunningServer, by: str) -> None:
    client = server.client()
    role = make_role(client, "users:read")
    path = f"/v1/roles/{role['id']}"
    project = client.post("/v1/projects", json={"name": "n"}).json()["id"]
    if by == "a member":
        release = f"/v1/users/{join(client, role['id'])['id']}"
    elif by == "an open invitation":
        release = f"/v1/invitations/{invite(client, role['id'])['id']}"
    else:
        release = f"/v1/projects/{project}/members/{join(client)['id']}"
        assert client.put(release, json={"role": role["id"]}).status_code == 200
    assert code(client.delete(path)) == (409, "role_in_use")
    assert client.delete(release).status_code == 200
    assert client.delete(path).json() == role
    assert code(client.get(path)) == (404, "not_found")


def test_an_expired_invitation_keeps_no_role(server: RunningServer) -> None:
    client = server.client()
    role = make_role(client, "users:read")
    invite(client, role["id"])
    server.clock.turn(7 * 86_400)
    assert client.delete(f"/v1/roles/{role['id']}").status_code == 200


def test_there_is_an_end_to_the_roles_of_an_organization(server: RunningServer) -> None:
    client = server.client()
    made = [make_role(client, "users:read") for _ in range(200)]
    assert code(client.post("/v1/roles", json={"name": "One more", "permissions": []})) == (409, "too_many")
    client.delete(f"/v1/roles/{made[-1]['id']}")
    assert client.post("/v1/roles", json={"name": "One more", "permissions": []}).status_code == 201


def test_to_a_stranger_no_role_of_another_organization_exists(shared_server: RunningServer, client: Client) -> None:
    role = make_role(client, "users:read")
    neighbour = move_in(shared_server)
    theirs = shared_server.client(neighbour.secret)
    before = stored_rows(shared_server)
    for other in (role["id"], neighbour.user_id, neighbour.project_id, "rol_0", "%00"):
        path = f"/v1/roles/{other}"
        for answer in (theirs.get(path), theirs.patch(path, json={"name": "Mine"}), theirs.delete(path)):
            assert code(answer) == (404, "not_found")
    for body in ({"role": role["id"]}, {"role": neighbour.user_id}):
        invitation = theirs.post("/v1/invitations", json={"email": "a@b.example", **body})
        changed = theirs.patch(f"/v1/users/{neighbour.user_id}", json=body)
        placed = theirs.put(f"/v1/projects/{neighbour.project_id}/members/{neighbour.user_id}", json=body)
        for answer in (invitation, changed, placed):
            assert code(answer) == (422, "invalid_field")
            assert [fault["field"] for fault in answer.json()["errors"]] == ["role"]
    assert stored_rows(shared_server) == before
    assert [one["id"] for one in theirs.get("/v1/roles").json()["data"]] == BUILT_IN_IDS


def test_members_of_a_body_that_are_not_the_callers_to_set_are_refused(
    shared_server: RunningServer, client: Client
) -> None:
    made = make_role(client, "users:read")
    before = stored_rows(shared_server)
    for extra in ("organization_id", "id", "built_in", "created_at"):
        body = {"name": "n", "permissions": [], extra: made["id"]}
        for answer in (client.post("/v1/roles", json=body), client.patch(f"/v1/roles/{made['id']}", json=body)):
            assert code(answer) == (422, "invalid_field")
            assert [fault["field"] for fault in answer.json()["errors"]] == [extra]
    assert stored_rows(shared_server) == before


def test_who_only_reads_changes_nothing(shared_server: RunningServer, client: Client) -> None:
    role = make_role(client, "users:read")
    reader = holder(shared_server, "roles:read")
    path = f"/v1/roles/{role['id']}"
    assert reader.get(path).json() == role
    for answer in (reader.post("/v1/roles", json={"name": "n", "permissions": []}), reader.patch(path, json={})):
        assert code(answer) == (403, "insufficient_scope")
    assert code(reader.delete(path)) == (403, "insufficient_scope")
    blind = holder(shared_server, "users:read")
    for hidden in ("/v1/roles", path, "/v1/permissions"):
        assert code(blind.get(hidden)) == (403, "insufficient_scope")


def test_a_role_that_is_asked_for_twice_under_one_key_is_made_once(client: Client) -> None:
    body, once = {"name": "Once only", "permissions": []}, {"Idempotency-Key": "role-once"}
    first, second = (client.post("/v1/roles", json=body, headers=once) for _ in range(2))
    assert (first.json()["id"], second.json()["replayed"]) == (second.json()["id"], True)


def test_the_catalogue_of_permissions_says_who_may_hold_each(client: Client) -> None:
    listed = client.get("/v1/permissions").json()
    assert [one["name"] for one in listed["data"]] == [permission.name for permission in PERMISSIONS]
    by_name = {one["name"]: one for one in listed["data"]}
    assert by_name["users:read"]["roles"] == BUILT_IN_IDS
    assert by_name["users:write"]["kinds"] == ["service_account_key", "user_key"]
    assert by_name["installation:read"] == {
        "name": "installation:read",
        "description": "See every organization of the installation.",
        "operators": True,
        "kinds": ["service_account_key", "user_key"],
        "roles": ["owner"],
    }
