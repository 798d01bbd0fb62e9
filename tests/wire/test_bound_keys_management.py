"""Who may make, see, change, rotate and revoke which keys, when users and projects come in."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.harness.membership import Membership
from tests.harness.neighbour import move_in
from tests.harness.proxy import eventually
from tests.harness.server import Client, RunningServer
from wayvo.core.access.permissions import OWN_AUDIENCE

ORDERS = "https://orders.example"
WRITER = ("api-keys:read", "api-keys:write", "users:read")


def refusal(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


class Desk:
    """The operator's organization, its members and projects, and keys that are bound to members."""

    def __init__(self, server: RunningServer) -> None:
        self.server = server
        self.operator = server.client()
        self.members = Membership(server)

    def project(self) -> str:
        return str(self.operator.post("/v1/projects", json={"name": "A project"}).json()["id"])

    def key(self, **fields: Any) -> dict[str, Any]:
        self.server.clock.turn(1)
        return self.server.create_key(**fields)

    def as_user(self, role: str, *, in_project: tuple[str, str] | None = None, **fields: Any) -> tuple[str, Client]:
        """Return a new member, and a client with a key that is bound to them."""
        user_id = self.members.add_user(role)
        if in_project is not None:
            self.members.set_project_role(user_id, *in_project)
            fields["project_id"] = in_project[0]
        return user_id, self.client_for(user_id, **fields)

    def client_for(self, user_id: str, **fields: Any) -> Client:
        return self.server.client(self.key(**({"scopes": list(WRITER)} | fields), user_id=user_id)["api_key"])

    def as_service(self, *scopes: str) -> Client:
        return self.server.client(self.key(scopes=list(scopes))["api_key"])


@pytest.fixture(scope="module")
def desk(shared_server: RunningServer) -> Desk:
    found = Desk(shared_server)
    body = {"audience": ORDERS, "name": "Orders", "scopes": [{"name": "orders:read"}]}
    found.operator.post("/v1/apis", json=body).raise_for_status()
    return found


def create(client: Client, **fields: Any) -> httpx.Response:
    return client.post("/v1/api-keys", json={"name": "n", **fields})


# Binding


def test_a_user_binds_keys_to_oneself_and_to_others_only_with_users_write(desk: Desk) -> None:
    user_id, theirs = desk.as_user("developer")
    other = desk.members.add_user("viewer")
    assert create(theirs, user_id=user_id).status_code == 201
    assert refusal(create(theirs, user_id=other)) == (403, "insufficient_scope")
    service = desk.as_service(*WRITER)
    assert refusal(create(service, user_id=other)) == (403, "insufficient_scope")
    assert create(desk.as_service(*WRITER, "users:write"), user_id=other).status_code == 201


def test_a_key_is_bound_to_nobody_unless_that_is_said_and_tells_who_made_it(desk: Desk) -> None:
    user_id, theirs = desk.as_user("developer")
    own = theirs.get("/v1/whoami").json()["credential"]["id"]
    made = [create(theirs).json(), create(theirs, user_id=None).json()]
    assert [(key["user_id"], key["principal"]["type"]) for key in made] == [(None, "service_account")] * 2
    assert [key["created_by"] for key in made] == [own] * 2
    assert desk.operator.get(f"/v1/api-keys/{own}").json()["user_id"] == user_id


@pytest.mark.parametrize("kind", ["nobody", "of another organization", "a removed member", "another kind of id"])
def test_a_key_is_bound_to_a_member_alone(desk: Desk, kind: str) -> None:
    removed = desk.members.add_user("owner")
    desk.members.remove(removed)
    user_id = {
        "nobody": "usr_00000000000000000000000000",
        "of another organization": move_in(desk.server).user_id,
        "a removed member": removed,
        "another kind of id": desk.project(),
    }[kind]
    answer = create(desk.operator, user_id=user_id)
    assert refusal(answer) == (422, "invalid_field")
    assert answer.json()["errors"] == [{"field": "user_id", "message": "is not a member of this organization"}]


def test_a_bound_key_is_given_no_more_than_its_user_holds_whoever_gives_it(desk: Desk) -> None:
    viewer = desk.members.add_user("viewer")
    for fields in ({"scopes": ["api-keys:write"]}, {"access": {ORDERS: ["orders:read"]}}, {"scopes": ["*"]}):
        answer = create(desk.operator, user_id=viewer, **fields)
        assert refusal(answer) == (403, "access_not_held")
        assert "The user whom the key is bound to does not hold" in answer.json()["detail"]
    key = create(desk.operator, user_id=viewer, scopes=["users:read"]).json()
    widened = desk.operator.patch(f"/v1/api-keys/{key['id']}", json={"scopes": ["users:read", "users:write"]})
    assert refusal(widened) == (403, "access_not_held")
    desk.members.set_role(viewer, "admin")
    body = {"scopes": ["users:read", "users:write"]}
    assert desk.operator.patch(f"/v1/api-keys/{key['id']}", json=body).status_code == 200


def test_a_bound_key_gives_no_more_than_it_was_given_however_much_its_user_holds(desk: Desk) -> None:
    user_id, theirs = desk.as_user("owner")
    for binding in ({}, {"user_id": user_id}):
        assert refusal(create(theirs, scopes=["projects:read"], **binding)) == (403, "access_not_held")
        assert create(theirs, scopes=["users:read"], **binding).status_code == 201


def test_a_demoted_user_gives_what_is_held_now_and_not_what_was(desk: Desk) -> None:
    user_id, theirs = desk.as_user("owner", scopes=["*"])
    assert create(theirs, access={ORDERS: ["orders:read"]}, scopes=["users:write"]).status_code == 201
    desk.members.set_role(user_id, "developer")
    assert refusal(create(theirs, scopes=["users:write"])) == (403, "access_not_held")
    assert create(theirs, access={ORDERS: ["orders:read"]}).status_code == 201
    desk.members.set_role(user_id, "viewer")
    assert refusal(create(theirs)) == (403, "insufficient_scope")
    desk.members.remove(user_id)
    assert refusal(create(theirs)) == (401, "revoked")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (Membership.remove, (401, "revoked")),
        (lambda members, user_id: members.set_role(user_id, "viewer"), (403, "insufficient_scope")),
    ],
)
def test_who_is_removed_or_demoted_while_the_body_is_on_its_way_does_nothing_with_it(
    desk: Desk, change: Callable[[Membership, str], None], expected: tuple[int, str]
) -> None:
    user_id = desk.members.add_user("owner")
    key = desk.key(scopes=list(WRITER), user_id=user_id)

    def body() -> Iterator[bytes]:
        yield b'{"name": "made in flight"'
        path = f"/v1/api-keys/{key['id']}"
        eventually(lambda: desk.operator.get(path).json()["last_used_at"] is not None, "the head is read")
        change(desk.members, user_id)
        yield b"}"

    answer = desk.server.client(key["api_key"]).post("/v1/api-keys", content=body())
    assert refusal(answer) == expected
    assert desk.operator.get("/v1/api-keys", params={"text": "flight"}).json()["data"] == []


# Changing and rotating


def test_a_repeated_rotation_is_answered_only_to_who_may_still_rotate_that_key(desk: Desk) -> None:
    project, other = desk.project(), desk.project()
    user_id, theirs = desk.as_user("developer", in_project=(project, "developer"))
    path = f"/v1/api-keys/{desk.key(project_id=other)['id']}/rotate"
    once = {"Idempotency-Key": "rotate"}
    assert theirs.post(path, json={}, headers=once).status_code == 201
    assert theirs.post(path, json={}, headers=once).json()["replayed"]
    desk.members.set_role(user_id, desk.members.add_role({}))
    assert refusal(theirs.post(path, json={}, headers=once)) == (404, "not_found")


def test_another_users_key_is_changed_and_rotated_only_with_users_write_and_revoked_without(desk: Desk) -> None:
    owner = desk.members.add_user("owner")
    _, developer = desk.as_user("developer")
    key = desk.key(scopes=["users:read"], user_id=owner)
    path = f"/v1/api-keys/{key['id']}"
    assert refusal(developer.patch(path, json={"name": "mine"})) == (403, "insufficient_scope")
    assert refusal(developer.post(f"{path}/rotate")) == (403, "insufficient_scope")
    assert developer.get(path).status_code == 200
    assert developer.post(f"{path}/revoke").status_code == 200


def test_a_rotation_keeps_the_user(desk: Desk) -> None:
    user_id, theirs = desk.as_user("developer")
    own = theirs.get("/v1/whoami").json()["credential"]["id"]
    rotated = theirs.post(f"/v1/api-keys/{own}/rotate").json()
    assert (rotated["user_id"], rotated["predecessor_id"]) == (user_id, own)
    assert desk.server.client(rotated["api_key"]).get("/v1/whoami").json()["user"]["id"] == user_id


def test_a_rotation_or_change_brings_no_key_back_that_ended_with_a_membership(desk: Desk) -> None:
    user_id = desk.members.add_user("owner")
    path = f"/v1/api-keys/{desk.key(scopes=['users:read'], user_id=user_id)['id']}"
    for again in (False, True):
        if again:
            desk.server.clock.turn(1)
            desk.members.invite_again(user_id, "owner")
        else:
            desk.members.remove(user_id)
        assert refusal(desk.operator.post(f"{path}/rotate")) == (409, "api_key_ended")
        assert refusal(desk.operator.patch(path, json={"name": "back"})) == (409, "api_key_ended")
    assert desk.operator.post(f"{path}/revoke").status_code == 200


def test_a_key_that_was_given_more_than_its_user_holds_now_is_not_rotated_before_it_is_narrowed(desk: Desk) -> None:
    user_id = desk.members.add_user("owner")
    key = desk.key(scopes=["users:read", "users:write"], user_id=user_id)
    desk.members.set_role(user_id, "viewer")
    path = f"/v1/api-keys/{key['id']}"
    assert refusal(desk.operator.post(f"{path}/rotate")) == (403, "access_not_held")
    desk.operator.patch(path, json={"scopes": ["users:read"]}).raise_for_status()
    assert desk.operator.post(f"{path}/rotate").status_code == 201


# In one project alone


def test_what_a_role_in_a_project_allows_it_allows_in_that_project_alone(desk: Desk) -> None:
    project, other = desk.project(), desk.project()
    nothing = desk.members.add_role({})
    _, theirs = desk.as_user(nothing, in_project=(project, "developer"))
    inside, outside = desk.key(project_id=project), desk.key(project_id=other)
    assert create(theirs).json()["project_id"] == project
    assert refusal(create(theirs, project_id=other)) == (403, "insufficient_scope")
    for method, path, body in (
        ("GET", "", None),
        ("PATCH", "", {"name": "new"}),
        ("POST", "/rotate", {}),
        ("POST", "/revoke", {}),
    ):
        hidden = theirs.request(method, f"/v1/api-keys/{outside['id']}{path}", json=body)
        assert refusal(hidden) == (404, "not_found")
        shown = theirs.request(method, f"/v1/api-keys/{inside['id']}{path}", json=body)
        assert shown.status_code in (200, 201), shown.text
    assert refusal(theirs.get("/v1/users")) == (403, "insufficient_scope")
    assert refusal(theirs.get("/v1/projects")) == (403, "insufficient_scope")


def test_who_sees_a_key_is_told_what_is_missing_to_change_it(desk: Desk) -> None:
    project, other = desk.project(), desk.project()
    _, theirs = desk.as_user("viewer", in_project=(project, "developer"))
    outside = desk.key(project_id=other)
    assert theirs.get(f"/v1/api-keys/{outside['id']}").status_code == 200
    assert refusal(theirs.patch(f"/v1/api-keys/{outside['id']}", json={})) == (403, "insufficient_scope")


def test_a_list_shows_the_keys_of_the_projects_where_they_may_be_seen(desk: Desk) -> None:
    project, other = desk.project(), desk.project()
    user_id, theirs = desk.as_user(desk.members.add_role({}), in_project=(project, "viewer"), scopes=["api-keys:read"])
    inside = [desk.key(project_id=project)["id"] for _ in range(3)]
    desk.key(project_id=other)
    own = theirs.get("/v1/whoami").json()["credential"]["id"]
    first = theirs.get("/v1/api-keys", params={"limit": 2}).json()
    second = theirs.get("/v1/api-keys", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert [key["id"] for key in first["data"] + second["data"]] == [*inside[::-1], own]
    assert theirs.get("/v1/api-keys", params={"project_id": other}).json()["data"] == []
    assert [key["id"] for key in theirs.get("/v1/api-keys", params={"user_id": user_id}).json()["data"]] == [own]


def test_what_is_held_in_one_project_alone_is_given_to_nobody_who_would_have_it_everywhere(desk: Desk) -> None:
    project = desk.project()
    user_id, theirs = desk.as_user("viewer", in_project=(project, "developer"), scopes=[*WRITER, "apis:use"])
    wanted = {"scopes": ["api-keys:write"]}
    assert refusal(create(theirs, **wanted)) == (403, "access_not_held")
    own = desk.server.client(create(theirs, **wanted, user_id=user_id).json()["api_key"])
    assert create(own).status_code == 201
    assert refusal(create(own, project_id=desk.project())) == (403, "insufficient_scope")
    # A protected API is opened by the key of a project: what its members may give counts for its service account.
    assert create(theirs, access={ORDERS: ["orders:read"]}).status_code == 201


def test_another_members_key_is_not_given_what_the_giver_holds_in_one_project_alone(desk: Desk) -> None:
    project = desk.project()
    giver = desk.members.add_role({OWN_AUDIENCE: ("users:write",)})
    _, theirs = desk.as_user(giver, in_project=(project, "developer"), scopes=["api-keys:write", "users:write"])
    owner = desk.members.add_user("owner")
    assert refusal(create(theirs, user_id=owner, scopes=["api-keys:write"])) == (403, "access_not_held")


# What is the operator's


def test_no_other_organization_gives_what_is_the_operators_alone(desk: Desk) -> None:
    neighbour = move_in(desk.server)
    theirs = desk.server.client(neighbour.secret)
    for pattern in ("installation:write", "installation:*"):
        answer = create(theirs, scopes=[pattern])
        assert refusal(answer) == (422, "invalid_field")
        assert f"{pattern} is for the operator's organization alone" in answer.json()["detail"]
        assert create(desk.operator, scopes=[pattern]).status_code == 201
    assert create(theirs, scopes=["*"]).status_code == 201


def test_the_filter_by_user_shows_that_users_keys_alone(desk: Desk) -> None:
    user_id, _ = desk.as_user("owner")
    desk.key(user_id=desk.members.add_user("owner"))
    second = desk.key(user_id=user_id)["id"]
    listed = desk.operator.get("/v1/api-keys", params={"user_id": user_id}).json()["data"]
    assert [key["user_id"] for key in listed] == [user_id] * 2
    assert listed[0]["id"] == second
    assert desk.operator.get("/v1/api-keys", params={"user_id": "usr_0"}).json()["data"] == []
