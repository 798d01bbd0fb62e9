"""``/v1/apis``: the protected APIs that an organization sees."""

import re
from typing import Any, Final

import httpx
import pytest

from tests.harness.neighbour import move_in
from tests.harness.rows import stored_rows
from tests.harness.server import Client, RunningServer
from wayvo.core.access.permissions import OWN_AUDIENCE, PERMISSIONS

FULL: Final[dict[str, Any]] = {
    "audience": "https://full.example.com/v2?x=1",
    "name": "Заказы",
    "description": "What customers\norder.",
    "scopes": [{"name": "orders:read", "description": "See orders."}, {"name": "a.b_c-d:e0", "description": ""}],
    "operations": [
        {"name": "listOrders", "methods": ["GET", "HEAD"], "path": "/orders/{id}", "scopes": ["orders:read"]},
        {"name": None, "methods": ["*"], "path": "/public/**", "scopes": []},
    ],
    "visibility": "installation",
}


def problem(response: httpx.Response) -> tuple[int, str]:
    """Return a refusal's status and code."""
    return response.status_code, response.json()["code"]


def fields(response: httpx.Response) -> list[str]:
    """Return the fields that a refusal names."""
    return [fault["field"] for fault in response.json()["errors"]]


def test_an_api_is_registered_with_every_field_and_shown_the_same_from_then_on(
    shared_server: RunningServer, client: Client
) -> None:
    made = client.post("/v1/apis", json=FULL)
    assert made.status_code == 201
    founded = shared_server.founded
    assert founded is not None
    assert made.json() == FULL | {
        "id": made.json()["id"],
        "organization_id": founded.organization.id,
        "built_in": False,
        "created_at": shared_server.clock.at(0),
    }
    assert re.fullmatch(r"api_[0-9a-v]{26}", made.json()["id"])
    assert client.get(f"/v1/apis/{made.json()['id']}").json() == made.json()


def test_an_api_is_private_and_declares_nothing_unless_told(client: Client) -> None:
    made = client.post("/v1/apis", json={"audience": "urn:example:plain", "name": "Plain"}).json()
    assert (made["visibility"], made["scopes"], made["operations"], made["description"]) == ("private", [], [], "")


@pytest.mark.parametrize(
    "change",
    [
        {"name": "B"},
        {"description": "b"},
        {"scopes": []},
        {"scopes": [{"name": "b:b", "description": "B"}]},
        {"operations": [{"name": None, "methods": ["PUT"], "path": "/b", "scopes": ["a:a"]}]},
        {"visibility": "installation"},
        {},
    ],
)
def test_a_change_changes_what_it_names_and_nothing_else(client: Client, change: dict[str, Any]) -> None:
    audience = f"https://changed.example.com/{len(client.get('/v1/apis').json()['data'])}"
    body = {"audience": audience, "name": "A", "description": "a", "scopes": [{"name": "a:a"}]}
    made = client.post("/v1/apis", json=body).json()
    changed = client.patch(f"/v1/apis/{made['id']}", json=change)
    assert changed.status_code == 200
    assert changed.json() == client.get(f"/v1/apis/{made['id']}").json() == made | change


def test_an_audience_names_one_api_in_the_whole_installation(shared_server: RunningServer, client: Client) -> None:
    body = {"audience": "https://taken.example.com", "name": "First"}
    assert client.post("/v1/apis", json=body).status_code == 201
    neighbour = shared_server.client(move_in(shared_server).secret)
    before = stored_rows(shared_server)
    for caller in (client, neighbour):
        assert problem(caller.post("/v1/apis", json=body | {"name": "Second"})) == (409, "audience_taken")
    assert stored_rows(shared_server) == before


def test_an_audience_is_for_ever(client: Client) -> None:
    made = client.post("/v1/apis", json={"audience": "https://forever.example.com", "name": "A"}).json()
    response = client.patch(f"/v1/apis/{made['id']}", json={"audience": "https://else.example.com"})
    assert (problem(response), fields(response)) == ((422, "invalid_field"), ["audience"])


@pytest.mark.parametrize(
    "audience",
    [
        "",
        "orders",
        "/orders",
        "//orders.example.com",
        "https://orders.example.com#part",
        "https://orders.example.com/a b",
        "https://orders.example.com/\u00e9",
        "https://orders.example.com/\n",
        "HTTPS://orders.example.com",
        "urn:wayvo:orders",
        "urn:wayvo:management",
        "https://" + "a" * 300,
        17,
        None,
        ["https://orders.example.com"],
    ],
)
def test_an_audience_that_is_no_absolute_uri_or_wayvos_own_is_refused(
    shared_server: RunningServer, client: Client, audience: Any
) -> None:
    before = stored_rows(shared_server)
    response = client.post("/v1/apis", json={"audience": audience, "name": "A"})
    assert (problem(response), fields(response)) == ((422, "invalid_field"), ["audience"])
    assert stored_rows(shared_server) == before


@pytest.mark.parametrize(
    ("scopes", "field"),
    [
        ([{"name": "orders"}], "scopes[0].name"),
        ([{"name": "orders:read"}, {"name": "orders:*"}], "scopes[1].name"),
        ([{"name": "*"}], "scopes[0].name"),
        ([{"name": "Orders:read"}], "scopes[0].name"),
        ([{"name": "orders:read\n"}], "scopes[0].name"),
        ([{"name": "orders:read:all"}], "scopes[0].name"),
        ([{"name": "o" * 99 + ":r"}], "scopes[0].name"),
        ([{"name": "orders:read"}, {"name": "orders:read"}], "scopes[1].name"),
        ([{"name": "credentials:verify"}], "scopes[0].name"),
        ([{"description": "no name"}], "scopes[0].name"),
        ([{"name": "orders:read", "title": "x"}], "scopes[0].title"),
        ([{"name": "orders:read", "description": "d" * 501}], "scopes[0].description"),
        (["orders:read"], "scopes[0]"),
        ({"orders:read": ""}, "scopes"),
        ([{"name": f"s{number}:read"} for number in range(201)], "scopes"),
    ],
)
def test_scopes_outside_the_grammar_are_refused_by_the_field_that_holds_them(
    shared_server: RunningServer, client: Client, scopes: Any, field: str
) -> None:
    made = client.post("/v1/apis", json={"audience": "urn:example:grammar", "name": "A"})
    assert made.status_code in {201, 409}
    listed = client.get("/v1/apis", params={"limit": 100}).json()["data"]
    api_id = next(api["id"] for api in listed if api["audience"] == "urn:example:grammar")
    before = stored_rows(shared_server)
    for response in (
        client.post("/v1/apis", json={"audience": "urn:example:new", "name": "A", "scopes": scopes}),
        client.patch(f"/v1/apis/{api_id}", json={"scopes": scopes}),
    ):
        assert (problem(response), fields(response)) == ((422, "invalid_field"), [field])
    assert stored_rows(shared_server) == before


def test_a_scope_no_longer_declared_opens_nothing_before_the_answer(
    shared_server: RunningServer, client: Client
) -> None:
    audience = "https://live.example.com"
    body = {"audience": audience, "name": "A", "scopes": [{"name": "a:read"}, {"name": "b:read"}]}
    api_id = client.post("/v1/apis", json=body).json()["id"]
    holder = shared_server.create_key(access={audience: ["*"]})
    asker = shared_server.client(shared_server.create_key(access={audience: ["credentials:verify"]})["api_key"])

    def scopes() -> list[str]:
        answer = asker.post("/v1/verify", json={"credential": holder["api_key"], "audience": audience}).json()
        return [scope for scope in answer["scopes"] if scope != "credentials:verify"]

    assert scopes() == ["a:read", "b:read"]
    client.patch(f"/v1/apis/{api_id}", json={"scopes": [{"name": "b:read"}, {"name": "c:read"}]})
    assert scopes() == ["b:read", "c:read"]


def test_wayvos_own_api_is_listed_and_can_not_be_changed(shared_server: RunningServer, client: Client) -> None:
    listed = client.get("/v1/apis", params={"limit": 100}).json()["data"]
    own = next(api for api in listed if api["built_in"])
    assert (own["audience"], own["visibility"]) == (OWN_AUDIENCE, "installation")
    assert {scope["name"] for scope in own["scopes"]} == {permission.name for permission in PERMISSIONS}
    before = stored_rows(shared_server)
    changes: list[dict[str, Any]] = [{"name": "Mine"}, {"scopes": []}, {}]
    for body in changes:
        assert problem(client.patch(f"/v1/apis/{own['id']}", json=body)) == (409, "built_in_api")
    assert stored_rows(shared_server) == before


def test_an_organization_sees_its_own_apis_and_those_for_all_and_changes_its_own(
    shared_server: RunningServer, client: Client
) -> None:
    private = client.post("/v1/apis", json={"audience": "https://ours.example.com", "name": "Ours"}).json()
    public = client.post(
        "/v1/apis", json={"audience": "https://all.example.com", "name": "All", "visibility": "installation"}
    ).json()
    theirs = shared_server.client(move_in(shared_server).secret)
    made = theirs.post("/v1/apis", json={"audience": "https://theirs.example.com", "name": "Theirs"})
    assert made.status_code == 201

    def seen(caller: Client) -> set[str]:
        return {api["id"] for api in caller.get("/v1/apis", params={"limit": 100}).json()["data"]}

    assert seen(theirs) & {private["id"], public["id"], made.json()["id"]} == {public["id"], made.json()["id"]}
    assert seen(client) & {private["id"], public["id"], made.json()["id"]} == {private["id"], public["id"]}
    before = stored_rows(shared_server)
    assert theirs.get(f"/v1/apis/{public['id']}").json() == public
    assert problem(theirs.get(f"/v1/apis/{private['id']}")) == (404, "not_found")
    assert problem(theirs.patch(f"/v1/apis/{private['id']}", json={"name": "n"})) == (404, "not_found")
    assert problem(theirs.patch(f"/v1/apis/{public['id']}", json={"name": "n"})) == (403, "access_not_held")
    assert problem(client.get(f"/v1/apis/{made.json()['id']}")) == (404, "not_found")
    for other in (public["organization_id"], "api_0", "%00"):
        assert problem(client.get(f"/v1/apis/{other}")) == (404, "not_found")
    assert stored_rows(shared_server) == before


def test_only_the_operator_offers_an_api_to_all(shared_server: RunningServer) -> None:
    theirs = shared_server.client(move_in(shared_server).secret)
    body = {"audience": "https://offer.example.com", "name": "A"}
    before = stored_rows(shared_server)
    assert problem(theirs.post("/v1/apis", json=body | {"visibility": "installation"})) == (403, "access_not_held")
    assert stored_rows(shared_server) == before
    made = theirs.post("/v1/apis", json=body).json()
    response = theirs.patch(f"/v1/apis/{made['id']}", json={"visibility": "installation"})
    assert problem(response) == (403, "access_not_held")


def test_an_api_made_private_closes_to_other_organizations_before_the_answer(server: RunningServer) -> None:
    client = server.client()
    audience = "https://closing.example.com"
    body = {"audience": audience, "name": "A", "scopes": [{"name": "a:read"}], "visibility": "installation"}
    api_id = client.post("/v1/apis", json=body).json()["id"]
    neighbour = move_in(server, {audience: ("a:read",)})
    asker = server.client(server.create_key(access={audience: ["credentials:verify"]})["api_key"])
    question = {"credential": neighbour.secret, "audience": audience}
    assert asker.post("/v1/verify", json=question).json()["code"] == "valid"
    client.patch(f"/v1/apis/{api_id}", json={"visibility": "private"})
    assert asker.post("/v1/verify", json=question).json()["code"] == "unknown"
