"""A key that is bound to a user is worth what the user holds: in the very next decision, through every door."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from tests.harness.membership import Membership
from tests.harness.neighbour import move_in
from tests.harness.rows import stored_rows
from tests.wire.doors import ALL_DOORS, MACHINE_DOORS, Asked, Door, Doors, presented, problem
from wayvo.core.access.permissions import OWN_AUDIENCE

INVOICES = "https://invoices.example"
OWN = ["users:read"]

Rows = Mapping[str, Sequence[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    """A server with an API for the whole installation."""
    opened = Doors(tmp_path_factory.mktemp("server"))
    with opened.server:
        opened.open()
        opened.create_api(INVOICES, "invoices:read", "invoices:write", visibility="installation")
        opened.asker = opened.let_ask_about(OWN_AUDIENCE, INVOICES)
        yield opened


@pytest.fixture
def membership(doors: Doors) -> Membership:
    """The operator's members."""
    return Membership(doors.server)


def bind(doors: Doors, user_id: str, **fields: Any) -> dict[str, Any]:
    """Make a key that is bound to a user, once the user is a member since a moment."""
    doors.server.clock.turn(1)
    return doors.create_key(**({"scopes": OWN} | fields), user_id=user_id)


def new_project(doors: Doors) -> str:
    created = doors.operator.post("/v1/projects", json={"name": "Another"})
    return str(created.json()["id"])


every_door = pytest.mark.parametrize("door", ALL_DOORS)
every_machine_door = pytest.mark.parametrize("door", MACHINE_DOORS)


@every_door
def test_a_demotion_and_a_promotion(doors: Doors, membership: Membership, door: Door) -> None:
    user_id = membership.add_user("owner")
    role = membership.add_role({OWN_AUDIENCE: ("projects:read",)})
    asked = Asked(bind(doors, user_id)["api_key"], scopes=OWN)
    assert door(doors, asked) == "valid"
    membership.set_role(user_id, role)
    # Of the one permission nothing is left that the key holds, and so no access to the API.
    assert door(doors, asked) == "wrong_audience"
    membership.set_role(user_id, "viewer")
    assert door(doors, asked) == "valid"


@every_door
def test_a_custom_role_that_was_narrowed(doors: Doors, membership: Membership, door: Door) -> None:
    role = membership.add_role({OWN_AUDIENCE: ("*",)})
    user_id = membership.add_user(role)
    asked = Asked(bind(doors, user_id, scopes=[*OWN, "projects:read"])["api_key"], scopes=OWN)
    assert door(doors, asked) == "valid"
    membership.change_role(role, {OWN_AUDIENCE: ("projects:read",)})
    assert door(doors, asked) == "insufficient_scope"


@every_door
def test_a_removal_and_no_new_invitation_wakes_the_old_key(doors: Doors, membership: Membership, door: Door) -> None:
    user_id = membership.add_user("owner")
    old = Asked(bind(doors, user_id)["api_key"], scopes=OWN)
    assert door(doors, old) == "valid"
    membership.remove(user_id)
    assert door(doors, old) == "revoked"
    doors.server.clock.turn(1)
    membership.invite_again(user_id, "owner")
    assert door(doors, old) == "revoked"
    assert door(doors, Asked(bind(doors, user_id)["api_key"], scopes=OWN)) == "valid"


@every_machine_door
def test_on_a_protected_api_the_role_in_the_keys_project_counts_as_well(
    doors: Doors, membership: Membership, door: Door
) -> None:
    user_id, project, other = membership.add_user("viewer"), new_project(doors), new_project(doors)
    membership.set_project_role(user_id, project, "developer")
    access = {"access": {INVOICES: ["invoices:read"]}, "scopes": None, "user_id": user_id}
    asked = Asked(doors.create_key(**access, project_id=project)["api_key"], INVOICES, ["invoices:read"])
    assert door(doors, asked) == "valid"
    elsewhere = doors.operator.post("/v1/api-keys", json={"name": "n", **access, "project_id": other})
    assert problem(elsewhere)["code"] == "access_not_held"
    membership.set_project_role(user_id, project, None)
    assert door(doors, asked) == "wrong_audience"


@every_door
def test_a_disabled_organization_and_an_enabled_one(doors: Doors, door: Door) -> None:
    neighbour = move_in(doors.server)
    theirs, asked = Membership(doors.server, neighbour.organization_id), Asked(neighbour.secret, scopes=OWN)
    assert door(doors, asked) == "valid"
    theirs.disable()
    assert door(doors, asked) == "organization_disabled"
    theirs.enable()
    assert door(doors, asked) == "valid"


def test_a_verifier_of_the_operators_api_is_told_of_a_disabled_organization_and_nothing_of_others_keys(
    doors: Doors,
) -> None:
    asker = doors.let_ask_about(INVOICES)
    customer = move_in(doors.server, {INVOICES: ("invoices:read",)})
    stranger = move_in(doors.server)
    for neighbour in (customer, stranger):
        Membership(doors.server, neighbour.organization_id).disable()

    def ask(secret: str) -> dict[str, Any]:
        said: dict[str, Any] = asker.post("/v1/verify", json={"credential": secret, "audience": INVOICES}).json()
        return said

    told = ask(customer.secret)
    assert (told["valid"], told["code"]) == (False, "organization_disabled")
    assert told["organization_id"] == customer.organization_id
    assert ask(stranger.secret) == {**ask(stranger.secret), "code": "unknown", "organization_id": None}


def test_who_belongs_to_a_disabled_organization_asks_nothing(doors: Doors) -> None:
    neighbour = move_in(doors.server)
    Membership(doors.server, neighbour.organization_id).disable()
    answer = doors.server.client(neighbour.secret).post("/v1/verify", json={"credential": doors.server.key})
    assert (answer.status_code, problem(answer)["code"]) == (401, "organization_disabled")


def test_a_bound_key_speaks_for_its_user_at_every_door(doors: Doors, membership: Membership) -> None:
    user_id = membership.add_user("owner")
    key = bind(doors, user_id)
    principal = {"type": "user", "id": user_id}
    assert (key["user_id"], key["principal"]) == (user_id, principal)
    told = doors.operator.post("/v1/verify", json={"credential": key["api_key"]}).json()
    assert told["principal"] == principal
    passed = doors.nobody.get("/v1/forward-auth", headers=presented(Asked(key["api_key"])))
    assert passed.headers["Wayvo-Principal"] == f"user:{user_id}"
    assert doors.server.client(key["api_key"]).get("/v1/whoami").json()["principal"] == principal


def test_whoami_tells_the_user_the_roles_and_what_is_held_where(doors: Doors, membership: Membership) -> None:
    user_id, project = membership.add_user("viewer"), new_project(doors)
    membership.set_project_role(user_id, project, "developer")
    key = bind(doors, user_id, scopes=["api-keys:read", "api-keys:write", "users:read"], project_id=project)
    told = doors.server.client(key["api_key"]).get("/v1/whoami").json()
    assert told["user"] == {
        "id": user_id,
        "email": f"{user_id}@acme.example",
        "name": "Ann",
        "role": "viewer",
        "project_role": "developer",
    }
    assert told["scopes"] == told["access"][OWN_AUDIENCE] == ["api-keys:read", "users:read"]
    assert told["in_project"]["scopes"] == ["api-keys:read", "api-keys:write", "users:read"]


# However many keys

KEYS = 60


def end_membership(doors: Doors, user_id: str, _: str) -> None:
    Membership(doors.server).remove(user_id)


def demote(doors: Doors, user_id: str, _: str) -> None:
    Membership(doors.server).set_role(user_id, "gone")


def archive(doors: Doors, _: str, project: str) -> None:
    doors.operator.post(f"/v1/projects/{project}/archive").raise_for_status()


@pytest.mark.parametrize(
    ("end", "table", "code"),
    [
        (end_membership, "members", "revoked"),
        (demote, "members", "wrong_audience"),
        (archive, "projects", "revoked"),
    ],
)
def test_all_keys_of_a_user_or_project_are_ended_by_one_row_and_one_change(
    doors: Doors, membership: Membership, end: Callable[[Doors, str, str], None], table: str, code: str
) -> None:
    user_id, project = membership.add_user("owner"), new_project(doors)
    asked = [Asked(bind(doors, user_id, project_id=project)["api_key"], scopes=OWN) for _ in range(KEYS)]
    assert {doors.by_proxy(one) for one in asked} == {"valid"}
    doors.operator.get("/v1/whoami")
    before = stored_rows(doors.server)
    end(doors, user_id, project)
    written = touched(before, stored_rows(doors.server))
    written.pop("audit_events", None)
    assert written == {table: 1, "outbox": 1}
    assert {doors.by_proxy(one) for one in asked} == {code}


def test_all_keys_of_an_organization_are_ended_by_one_row_and_one_change(doors: Doors) -> None:
    neighbour = move_in(doors.server)
    theirs = doors.server.client(neighbour.secret)
    created = [theirs.post("/v1/api-keys", json={"name": "n", "scopes": OWN}).json() for _ in range(KEYS)]
    asked = [Asked(key["api_key"], scopes=OWN) for key in created]
    assert {doors.by_proxy(one) for one in asked} == {"valid"}
    before = stored_rows(doors.server)
    Membership(doors.server, neighbour.organization_id).disable()
    assert touched(before, stored_rows(doors.server)) == {"organizations": 1, "outbox": 1}
    assert {doors.by_proxy(one) for one in asked} == {"organization_disabled"}


def touched(before: Rows, after: Rows) -> dict[str, int]:
    """Return how many rows of each table were added, changed or removed."""
    found = {}
    for table, rows in after.items():
        added, removed = set(rows) - set(before[table]), set(before[table]) - set(rows)
        if added or removed:
            found[table] = max(len(added), len(removed))
    return found
