"""``/v1/api-keys``: one key's life, and what nobody can do with it."""

import re
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from tests.harness.neighbour import move_in
from tests.harness.rows import stored_rows
from tests.harness.server import Client, RunningServer
from wayvo.core.access.permissions import OWN_AUDIENCE
from wayvo.installation import Installation
from wayvo.jobs.last_uses import store_last_uses
from wayvo.verify.meter import Meter

ORDERS: Final = "https://orders.example.com"


@pytest.fixture(scope="module")
def orders(shared_server: RunningServer) -> str:
    """The audience of an API of the operator's that declares two scopes."""
    register(shared_server, ORDERS, "orders:read", "orders:write")
    return ORDERS


def register(server: RunningServer, audience: str, *scopes: str, visibility: str = "private") -> str:
    """Register an API of the operator's and return its id."""
    body = {
        "audience": audience,
        "name": "An API",
        "scopes": [{"name": name} for name in scopes],
        "visibility": visibility,
    }
    response = server.client().post("/v1/apis", json=body)
    assert response.status_code == 201, response.text
    api_id: str = response.json()["id"]
    return api_id


def problem(response: httpx.Response) -> tuple[int, str]:
    """Return a refusal's status and code."""
    return response.status_code, response.json()["code"]


def fields(response: httpx.Response) -> list[str]:
    """Return the fields that a refusal names."""
    return [fault["field"] for fault in response.json()["errors"]]


# Making one


def test_a_key_is_made_with_every_field_and_shown_the_same_from_then_on(
    shared_server: RunningServer, client: Client, orders: str
) -> None:
    project = client.post("/v1/projects", json={"name": "Billing"}).json()
    body = {
        "name": "Счёт 💳 service",
        "description": "Runs in\nthe EU cluster.",
        "project_id": project["id"],
        "mode": "test",
        "access": {orders: ["orders:write", "orders:read", "orders:read"]},
        "scopes": ["users:read", "projects:*"],
        "expires_at": "2027-01-31T01:00:00.5+01:00",
        "allowed_networks": ["10.0.0.0/8", "::ffff:192.0.2.0/120", "2001:DB8::/32", "192.0.2.7", "10.0.0.0/8"],
        "metadata": {"team": "payments", "empty": ""},
    }
    response = client.post("/v1/api-keys", json=body)
    assert response.status_code == 201
    created = response.json()
    secret = created.pop("api_key")
    founded = shared_server.founded
    assert founded is not None
    assert created == {
        "id": created["id"],
        "organization_id": founded.organization.id,
        "project_id": project["id"],
        "name": "Счёт 💳 service",
        "description": "Runs in\nthe EU cluster.",
        "mode": "test",
        "status": "active",
        "user_id": None,
        "principal": {"type": "service_account", "id": project["id"]},
        "access": {orders: ["orders:read", "orders:write"], OWN_AUDIENCE: ["projects:*", "users:read"]},
        "scopes": ["projects:*", "users:read"],
        "allowed_networks": ["10.0.0.0/8", "192.0.2.0/24", "2001:db8::/32", "192.0.2.7/32"],
        "metadata": {"team": "payments", "empty": ""},
        "prefix": "wv_test",
        "last_four": secret[-4:],
        "created_at": shared_server.clock.at(0),
        "created_by": founded.issued.key.id,
        "expires_at": "2027-01-31T00:00:00.500000Z",
        "revoked_at": None,
        "revocation_reason": None,
        "last_used_at": None,
        "last_used_network": None,
        "predecessor_id": None,
        "successor_id": None,
    }
    assert re.fullmatch(r"key_[0-9a-v]{26}", created["id"])
    assert re.fullmatch(r"wv_test_[0-9A-Za-z]{38}", secret)
    assert client.get(f"/v1/api-keys/{created['id']}").json() == created | {"scopes_used": []}


def test_a_key_that_names_only_itself_is_live_in_the_callers_project_and_holds_nothing(
    shared_server: RunningServer,
) -> None:
    created = shared_server.create_key()
    founded = shared_server.founded
    assert founded is not None
    assert {name: created[name] for name in ("project_id", "mode", "access", "scopes", "allowed_networks")} == {
        "project_id": founded.project.id,
        "mode": "live",
        "access": {},
        "scopes": [],
        "allowed_networks": [],
    }
    assert (created["expires_at"], created["description"], created["metadata"]) == (None, "", {})
    assert re.fullmatch(r"wv_live_[0-9A-Za-z]{38}", created["api_key"])


@pytest.mark.sqlite_only
def test_a_secret_is_shown_once_and_stands_nowhere_on_the_disk(shared_server: RunningServer, client: Client) -> None:
    created = shared_server.create_key(name="Shown once")
    shown = [
        client.get(f"/v1/api-keys/{created['id']}"),
        client.get("/v1/api-keys", params={"text": "shown once"}),
        client.patch(f"/v1/api-keys/{created['id']}", json={"description": "Still secret"}),
        client.post(f"/v1/api-keys/{created['id']}/revoke"),
    ]
    for response in shown:
        assert response.status_code == 200
        assert created["id"] in response.text
        assert created["api_key"] not in response.text
        assert '"api_key"' not in response.text
    secret = created["api_key"].encode()
    files = [path for path in shared_server.folder.rglob("*") if path.is_file()]
    assert any(created["id"].encode() in path.read_bytes() for path in files), "the key is in none of the files"
    assert not [path.name for path in files if secret in path.read_bytes() or secret[8:40] in path.read_bytes()]


def test_a_key_works_as_soon_as_it_is_made(shared_server: RunningServer) -> None:
    created = shared_server.create_key(scopes=["users:read"])
    assert shared_server.client(created["api_key"]).get("/v1/users").status_code == 200


@pytest.mark.parametrize("scopes", [["users:read"], ["users:*"], ["*"]])
def test_access_on_the_own_audience_and_scopes_mean_the_same(
    shared_server: RunningServer, client: Client, scopes: list[str]
) -> None:
    short = shared_server.create_key(scopes=scopes)
    long = shared_server.create_key(access={OWN_AUDIENCE: scopes})
    assert short["access"] == long["access"] == {OWN_AUDIENCE: scopes}
    both = client.post("/v1/api-keys", json={"name": "n", "scopes": scopes, "access": {OWN_AUDIENCE: scopes}})
    assert (problem(both), fields(both)) == ((422, "invalid_field"), ["scopes"])


def test_a_key_belongs_to_a_project_of_the_organization_that_is_not_archived(
    shared_server: RunningServer, client: Client
) -> None:
    neighbour = move_in(shared_server)
    for project_id in (neighbour.project_id, "prj_00000000000000000000000000", shared_server.create_key()["id"], ""):
        response = client.post("/v1/api-keys", json={"name": "n", "project_id": project_id})
        assert (problem(response), fields(response)) == ((422, "invalid_field"), ["project_id"])
    archived = client.post("/v1/projects", json={"name": "Over"}).json()
    client.post(f"/v1/projects/{archived['id']}/archive")
    response = client.post("/v1/api-keys", json={"name": "n", "project_id": archived["id"]})
    assert problem(response) == (409, "project_archived")


# Least privilege


# Nobody gives more than they hold


@pytest.fixture(scope="module")
def clerk(shared_server: RunningServer) -> Client:
    """A client that may write keys and see users, and nothing else."""
    return shared_server.client(shared_server.create_key(scopes=["api-keys:write", "users:read"])["api_key"])


@pytest.mark.parametrize(
    "access",
    [
        {OWN_AUDIENCE: ["projects:read"]},
        {OWN_AUDIENCE: ["users:*"]},
        {OWN_AUDIENCE: ["*"]},
        {OWN_AUDIENCE: ["users:read", "credentials:verify"]},
        {ORDERS: ["orders:read"]},
        {ORDERS: ["*"]},
        {ORDERS: ["credentials:verify"]},
    ],
)
def test_nobody_gives_a_key_more_than_they_hold(
    shared_server: RunningServer, clerk: Client, orders: str, access: dict[str, list[str]]
) -> None:
    assert orders in shared_server.client().get("/v1/apis").text
    before = stored_rows(shared_server)
    assert problem(clerk.post("/v1/api-keys", json={"name": "n", "access": access})) == (403, "access_not_held")
    assert stored_rows(shared_server) == before
    target = shared_server.create_key()
    before = stored_rows(shared_server)
    response = clerk.patch(f"/v1/api-keys/{target['id']}", json={"name": "Mine", "access": access})
    assert problem(response) == (403, "access_not_held")
    assert stored_rows(shared_server) == before


def test_who_holds_a_scope_can_give_it(shared_server: RunningServer, clerk: Client) -> None:
    for scopes in ([], ["users:read"], ["users:read", "api-keys:write"]):
        response = clerk.post("/v1/api-keys", json={"name": "n", "scopes": scopes})
        assert (response.status_code, response.json()["scopes"]) == (201, sorted(scopes))
    target = shared_server.create_key()
    response = clerk.patch(f"/v1/api-keys/{target['id']}", json={"scopes": ["users:read"]})
    assert (response.status_code, response.json()["scopes"]) == (200, ["users:read"])


def test_nobody_gets_the_secret_of_a_key_that_holds_more_than_they_do(
    shared_server: RunningServer, clerk: Client
) -> None:
    target = shared_server.create_key(scopes=["users:read", "projects:read"])
    before = stored_rows(shared_server)
    assert problem(clerk.post(f"/v1/api-keys/{target['id']}/rotate")) == (403, "access_not_held")
    assert stored_rows(shared_server) == before
    equal = shared_server.create_key(scopes=["users:read"])
    assert clerk.post(f"/v1/api-keys/{equal['id']}/rotate").status_code == 201


def test_a_change_keeps_what_was_held_before_whoever_makes_it(
    shared_server: RunningServer, clerk: Client, orders: str
) -> None:
    target = shared_server.create_key(access={orders: ["*"], OWN_AUDIENCE: ["projects:*"]})
    path = f"/v1/api-keys/{target['id']}"
    renamed = clerk.patch(path, json={"name": "Renamed"})
    assert (renamed.status_code, renamed.json()["access"]) == (200, target["access"])
    kept = {orders: ["*"], OWN_AUDIENCE: ["projects:*", "users:read"]}
    assert clerk.patch(path, json={"access": kept}).json()["access"] == kept
    narrowed = {orders: ["orders:read"], OWN_AUDIENCE: ["projects:read"]}
    assert clerk.patch(path, json={"access": narrowed}).json()["access"] == narrowed
    assert problem(clerk.patch(path, json={"access": kept})) == (403, "access_not_held")


def test_a_change_keeps_a_scope_that_its_api_no_longer_declares(shared_server: RunningServer, client: Client) -> None:
    audience = "https://shrinking.example.com"
    api_id = register(shared_server, audience, "old:read", "new:read")
    target = shared_server.create_key(access={audience: ["old:read"]})
    client.patch(f"/v1/apis/{api_id}", json={"scopes": [{"name": "new:read"}]})
    path = f"/v1/api-keys/{target['id']}"
    assert client.patch(path, json={"scopes": ["users:read"]}).json()["access"] == {
        audience: ["old:read"],
        OWN_AUDIENCE: ["users:read"],
    }
    more = client.patch(path, json={"access": {audience: ["old:read", "new:read"]}})
    assert more.json()["access"] == {audience: ["new:read", "old:read"]}
    client.patch(path, json={"access": {}})
    again = client.patch(path, json={"access": {audience: ["old:read"]}})
    assert (problem(again), fields(again)) == ((422, "invalid_field"), [f"access.{audience}"])


def test_the_right_to_write_apis_gives_access_to_the_organizations_own_apis_alone(
    shared_server: RunningServer, orders: str
) -> None:
    register(shared_server, "https://for-all.example.com", "things:read", visibility="installation")
    keeper = {OWN_AUDIENCE: ("api-keys:write", "apis:write")}
    ours = shared_server.client(shared_server.create_key(access=keeper)["api_key"])
    for access in ({orders: ["*", "credentials:verify"]}, {"https://for-all.example.com": ["things:read"]}):
        assert ours.post("/v1/api-keys", json={"name": "n", "access": access}).status_code == 201
    own = ours.post("/v1/api-keys", json={"name": "n", "scopes": ["users:read"]})
    assert problem(own) == (403, "access_not_held")

    theirs = shared_server.client(move_in(shared_server, keeper).secret)
    foreign = {"name": "n", "access": {"https://for-all.example.com": ["things:read"]}}
    assert problem(theirs.post("/v1/api-keys", json=foreign)) == (403, "access_not_held")
    private = theirs.post("/v1/api-keys", json={"name": "n", "access": {orders: ["orders:read"]}})
    assert (problem(private), fields(private)) == ((422, "invalid_field"), [f"access.{orders}"])


def test_a_wildcard_is_no_authority_to_ask_about_the_credentials_of_others(shared_server: RunningServer) -> None:
    everyones = "https://shared.example.com"
    register(shared_server, everyones, "things:read", visibility="installation")
    holder = shared_server.client(move_in(shared_server, {OWN_AUDIENCE: ("*",), everyones: ("*",)}).secret)
    for audience in (everyones, OWN_AUDIENCE):
        for patterns in (["credentials:verify"], ["*", "credentials:verify"]):
            response = holder.post("/v1/api-keys", json={"name": "n", "access": {audience: patterns}})
            assert problem(response) == (403, "access_not_held")
        response = holder.post("/v1/api-keys", json={"name": "n", "access": {audience: ["*"]}})
        assert response.status_code == 201
        widened = {"access": {audience: ["*", "credentials:verify"]}}
        assert problem(holder.patch(f"/v1/api-keys/{response.json()['id']}", json=widened)) == (403, "access_not_held")
        asker = shared_server.client(response.json()["api_key"])
        asked = asker.post("/v1/verify", json={"credential": shared_server.key, "audience": audience})
        assert problem(asked) == (403, "insufficient_scope")


def test_who_was_given_the_authority_to_ask_by_name_can_give_it(shared_server: RunningServer) -> None:
    everyones = "https://asked.example.com"
    register(shared_server, everyones, visibility="installation")
    access = {OWN_AUDIENCE: ("api-keys:write",), everyones: ("credentials:verify",)}
    holder = shared_server.client(move_in(shared_server, access).secret)
    body = {"name": "n", "access": {everyones: ["credentials:verify"]}}
    assert holder.post("/v1/api-keys", json=body).status_code == 201
    assert shared_server.create_key(scopes=["credentials:verify"])["scopes"] == ["credentials:verify"]


@pytest.mark.parametrize(
    ("access", "field"),
    [
        ({ORDERS: ["orders:delete"]}, f"access.{ORDERS}"),
        ({ORDERS: ["invoices:*"]}, f"access.{ORDERS}"),
        ({OWN_AUDIENCE: ["orders:read"]}, "scopes"),
        ({"https://nowhere.example.com": ["orders:read"]}, "access.https://nowhere.example.com"),
        ({"nowhere": ["*"]}, "access.(not repeated here)"),
    ],
)
def test_what_no_api_declares_is_refused_by_the_field_that_names_it(
    shared_server: RunningServer, client: Client, orders: str, access: dict[str, list[str]], field: str
) -> None:
    assert orders == ORDERS
    before = stored_rows(shared_server)
    response = client.post("/v1/api-keys", json={"name": "n", "access": access})
    assert (problem(response), fields(response)) == ((422, "invalid_field"), [field])
    assert stored_rows(shared_server) == before


# Changing it


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ({"name": "Another"}, {}),
        ({"description": "Why"}, {}),
        ({"scopes": ["projects:read"]}, {"access": {OWN_AUDIENCE: ["projects:read"]}}),
        ({"scopes": []}, {"access": {}}),
        ({"access": {}}, {"scopes": []}),
        ({"allowed_networks": ["10.1.2.3"]}, {"allowed_networks": ["10.1.2.3/32"]}),
        ({"allowed_networks": []}, {}),
        ({"metadata": {"a": "b"}}, {}),
        ({"expires_at": "2027-03-01T00:00:00Z"}, {}),
        ({"expires_at": None}, {}),
        ({}, {}),
    ],
)
def test_a_change_changes_what_it_names_and_nothing_else(
    shared_server: RunningServer, client: Client, change: dict[str, Any], shown: dict[str, Any]
) -> None:
    made = shared_server.create_key(
        name="Before",
        description="Old",
        scopes=["users:read"],
        expires_at="2027-01-01T00:00:00Z",
        allowed_networks=["10.0.0.0/8"],
        metadata={"x": "y"},
    )
    made.pop("api_key")
    path = f"/v1/api-keys/{made['id']}"
    changed = client.patch(path, json=change)
    assert changed.status_code == 200
    assert changed.json() == made | change | shown
    assert client.get(path).json() == changed.json() | {"scopes_used": []}


def test_a_change_of_access_is_in_force_before_its_answer(shared_server: RunningServer, client: Client) -> None:
    made = shared_server.create_key(scopes=["users:read"])
    holder = shared_server.client(made["api_key"])
    path = f"/v1/api-keys/{made['id']}"
    assert holder.get("/v1/users").status_code == 200
    client.patch(path, json={"scopes": ["projects:read"]})
    assert problem(holder.get("/v1/users")) == (403, "insufficient_scope")
    assert holder.get("/v1/projects").status_code == 200
    client.patch(path, json={"allowed_networks": ["203.0.113.0/24"]})
    assert problem(holder.get("/v1/projects")) == (403, "network_denied")
    client.patch(path, json={"allowed_networks": ["127.0.0.0/8"]})
    assert holder.get("/v1/projects").status_code == 200


# Its end


def test_a_key_expires_in_the_very_microsecond_and_for_good(server: RunningServer) -> None:
    client = server.client()
    made = server.create_key(scopes=["users:read"], expires_at=server.clock.at(60))
    holder = server.client(made["api_key"])
    server.clock.turn(59.999999)
    assert holder.get("/v1/users").status_code == 200
    assert client.get(f"/v1/api-keys/{made['id']}").json()["status"] == "active"
    server.clock.turn(0.000001)
    assert problem(holder.get("/v1/users")) == (401, "expired")
    assert client.get(f"/v1/api-keys/{made['id']}").json()["status"] == "expired"
    before = stored_rows(server)
    extended = client.patch(f"/v1/api-keys/{made['id']}", json={"expires_at": None})
    assert problem(extended) == (409, "api_key_ended")
    assert stored_rows(server) == before


def test_an_expiry_moved_closer_is_in_force_before_its_answer(server: RunningServer) -> None:
    made = server.create_key(scopes=["users:read"])
    holder = server.client(made["api_key"])
    assert holder.get("/v1/users").status_code == 200
    server.client().patch(f"/v1/api-keys/{made['id']}", json={"expires_at": server.clock.at(1)})
    server.clock.turn(1)
    assert problem(holder.get("/v1/users")) == (401, "expired")


def test_a_revoked_key_is_denied_before_the_answer_and_says_why(shared_server: RunningServer, client: Client) -> None:
    made = shared_server.create_key(scopes=["users:read"])
    holder = shared_server.client(made["api_key"])
    assert holder.get("/v1/users").status_code == 200
    revoked = client.post(f"/v1/api-keys/{made['id']}/revoke", json={"reason": "Leaked in a build log"})
    assert problem(holder.get("/v1/users")) == (401, "revoked")
    assert revoked.status_code == 200
    made.pop("api_key")
    assert revoked.json() == made | {
        "status": "revoked",
        "revoked_at": shared_server.clock.at(0),
        "revocation_reason": "Leaked in a build log",
        "last_used_at": shared_server.clock.at(0),
        "last_used_network": "127.0.0.1",
    }


def test_a_second_revocation_changes_nothing_and_a_revoked_key_nothing_more(server: RunningServer) -> None:
    client = server.client()
    path = f"/v1/api-keys/{server.create_key()['id']}"
    first = client.post(f"{path}/revoke", json={"reason": "First"}).json()
    before = stored_rows(server)
    server.clock.turn(5)
    again = client.post(f"{path}/revoke", json={"reason": "Second"})
    assert (again.status_code, again.json()) == (200, first)
    for body in ({"name": "n"}, {"expires_at": None}, {}):
        assert problem(client.patch(path, json=body)) == (409, "api_key_ended")
    assert problem(client.post(f"{path}/rotate")) == (409, "api_key_ended")
    assert stored_rows(server) == before


@pytest.mark.parametrize("body", [None, {}, {"reason": None}])
def test_a_key_is_revoked_without_a_reason_too(
    shared_server: RunningServer, client: Client, body: dict[str, None] | None
) -> None:
    made = shared_server.create_key()
    revoked = (
        client.post(f"/v1/api-keys/{made['id']}/revoke", json=body)
        if body is not None
        else client.post(f"/v1/api-keys/{made['id']}/revoke")
    )
    assert (revoked.status_code, revoked.json()["revocation_reason"]) == (200, None)


# Isolation


def test_what_is_no_key_of_the_organization_is_not_found(shared_server: RunningServer, client: Client) -> None:
    neighbour = move_in(shared_server)
    founded = shared_server.founded
    assert founded is not None
    others = (
        neighbour.api_key_id,
        founded.project.id,
        founded.owner.id,
        founded.organization.id,
        founded.issued.key.id.upper(),
        "key_00000000000000000000000000",
        "%00",
        "' OR 1=1 --",
        "x" * 2000,
    )
    before = stored_rows(shared_server)
    for other in others:
        path = f"/v1/api-keys/{other}"
        answers = [
            client.get(path),
            client.patch(path, json={"name": "Mine now"}),
            client.post(f"{path}/rotate"),
            client.post(f"{path}/revoke"),
        ]
        assert [problem(answer) for answer in answers] == [(404, "not_found")] * 4
    assert stored_rows(shared_server) == before
    assert shared_server.client(neighbour.secret).get("/v1/whoami").status_code == 200


# Its last use


def test_a_use_is_shown_right_after_it(shared_server: RunningServer, client: Client) -> None:
    made = shared_server.create_key(scopes=["users:read"])
    path = f"/v1/api-keys/{made['id']}"
    assert client.get(path).json()["last_used_at"] is None
    shared_server.client(made["api_key"]).get("/v1/users")
    shown = client.get(path).json()
    assert (shown["last_used_at"], shown["last_used_network"]) == (shared_server.clock.at(0), "127.0.0.1")
    listed = client.get("/v1/api-keys", params={"limit": 100}).json()["data"]
    del shown["scopes_used"]
    assert shown in listed


def test_a_request_that_is_refused_is_no_use(shared_server: RunningServer, client: Client) -> None:
    bound = shared_server.create_key(scopes=["users:read"], allowed_networks=["203.0.113.0/24"])
    assert problem(shared_server.client(bound["api_key"]).get("/v1/users")) == (403, "network_denied")
    assert client.get(f"/v1/api-keys/{bound['id']}").json()["last_used_at"] is None


def test_a_use_outlives_the_server_that_saw_it(tmp_path: Path) -> None:
    with RunningServer(tmp_path / "data") as first:
        key = first.key
        made = first.create_key(scopes=["users:read"])
        first.client(made["api_key"]).get("/v1/users")
        used_at = first.clock.at(0)
    with RunningServer(tmp_path / "data", first.clock) as second:
        shown = second.client(key).get(f"/v1/api-keys/{made['id']}").json()
        assert (shown["last_used_at"], shown["last_used_network"]) == (used_at, "127.0.0.1")


def test_an_older_use_never_takes_the_place_of_a_later_one(server: RunningServer) -> None:
    made = server.create_key()

    def store(used_at: int, network: str) -> tuple[str, str]:
        meter = Meter()
        meter.note(made["id"], used_at, network)

        async def step(installation: Installation) -> None:
            await store_last_uses(installation.database, meter)

        server.call(step)
        shown = server.client().get(f"/v1/api-keys/{made['id']}").json()
        return shown["last_used_at"], shown["last_used_network"]

    now = server.clock()
    assert store(now, "192.0.2.1") == (server.clock.at(0), "192.0.2.1")
    assert store(now - 1, "192.0.2.2") == (server.clock.at(0), "192.0.2.1")
    assert store(now + 1_000_000, "192.0.2.3") == (server.clock.at(1), "192.0.2.3")
