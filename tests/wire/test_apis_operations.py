"""The operations that an API declares: stored and shown as they were given, refused where they mean nothing."""

from itertools import count
from typing import Any, Final

import pytest

from tests.harness.rows import stored_rows
from tests.harness.server import Client, RunningServer
from tests.wire.test_apis import fields, problem

numbers = count(1)
SCOPES: Final = [{"name": "orders:read"}, {"name": "orders:write"}]
SHOW: Final[dict[str, Any]] = {"name": "show", "methods": ["GET"], "path": "/orders/{id}", "scopes": ["orders:read"]}
PLACE: Final[dict[str, Any]] = {"name": None, "methods": ["POST", "PUT"], "path": "/orders", "scopes": ["orders:write"]}


def register(client: Client, *operations: Any) -> dict[str, Any]:
    body = {"audience": f"urn:operations:{next(numbers)}", "name": "A", "scopes": SCOPES, "operations": operations}
    made = client.post("/v1/apis", json=body)
    assert made.status_code == 201, made.text
    shown: dict[str, Any] = made.json()
    return shown


def test_operations_are_shown_as_they_were_declared_and_replaced_as_a_whole(client: Client) -> None:
    made = register(client, SHOW, PLACE)
    assert made["operations"] == [SHOW, PLACE]
    changed = client.patch(f"/v1/apis/{made['id']}", json={"operations": [PLACE]})
    assert changed.json()["operations"] == [PLACE]
    assert client.get(f"/v1/apis/{made['id']}").json() == changed.json()
    assert client.patch(f"/v1/apis/{made['id']}", json={"operations": []}).json()["operations"] == []


def test_an_operation_has_no_name_and_needs_no_scopes_unless_told(client: Client) -> None:
    made = register(client, {"methods": ["*"], "path": "/**"})
    assert made["operations"] == [{"name": None, "methods": ["*"], "path": "/**", "scopes": []}]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"path": "orders"}, "operations[1].path"),
        ({"path": "/a/../b"}, "operations[1].path"),
        ({"path": "/**/a"}, "operations[1].path"),
        ({"path": "/orders/{other}", "methods": ["PUT", "GET"]}, "operations[1].path"),
        ({"path": "/" + "a" * 500}, "operations[1].path"),
        ({"path": 7}, "operations[1].path"),
        ({"methods": []}, "operations[1].methods"),
        ({"methods": "GET"}, "operations[1].methods"),
        ({"methods": ["GET", "get"]}, "operations[1].methods[1]"),
        ({"methods": ["GET\n"]}, "operations[1].methods[0]"),
        ({"methods": ["GET", "*"]}, "operations[1].methods[1]"),
        ({"methods": ["GET", "GET"]}, "operations[1].methods[1]"),
        ({"scopes": ["orders:read", "users:read"]}, "operations[1].scopes[1]"),
        ({"scopes": ["orders:*"]}, "operations[1].scopes[0]"),
        ({"scopes": ["credentials:verify"]}, "operations[1].scopes[0]"),
        ({"name": ""}, "operations[1].name"),
        ({"name": "a b"}, "operations[1].name"),
        ({"cost": 1}, "operations[1].cost"),
    ],
)
def test_an_operation_that_means_nothing_is_refused_by_the_path_of_its_field(
    shared_server: RunningServer, client: Client, wrong: dict[str, Any], field: str
) -> None:
    made = register(client, SHOW)
    before = stored_rows(shared_server)
    operations = [SHOW, {"methods": ["GET"], "path": "/a", **wrong}]
    new = {"audience": "urn:operations:none", "name": "A", "scopes": SCOPES, "operations": operations}
    for response in (
        client.post("/v1/apis", json=new),
        client.patch(f"/v1/apis/{made['id']}", json={"operations": operations}),
    ):
        assert (problem(response), fields(response)) == ((422, "invalid_field"), [field])
    assert stored_rows(shared_server) == before


def test_five_hundred_operations_are_taken_and_not_one_more(client: Client) -> None:
    many = [{"methods": ["GET"], "path": f"/{number}", "scopes": ["orders:read"]} for number in range(501)]
    made = register(client, *many[:500])
    assert len(made["operations"]) == 500
    response = client.patch(f"/v1/apis/{made['id']}", json={"operations": many})
    assert (problem(response), fields(response)) == ((422, "invalid_field"), ["operations"])


def test_a_scope_that_an_operation_needs_is_not_dropped_but_together_with_the_operation(client: Client) -> None:
    made = register(client, SHOW, PLACE)
    path, fewer = f"/v1/apis/{made['id']}", {"scopes": SCOPES[:1]}
    response = client.patch(path, json=fewer)
    assert (problem(response), fields(response)) == ((422, "invalid_field"), ["scopes"])
    assert client.get(path).json() == made
    assert client.patch(path, json=fewer | {"operations": [SHOW]}).status_code == 200
    assert client.patch(path, json={"scopes": [], "operations": [SHOW]}).json()["errors"][0]["field"] == (
        "operations[0].scopes[0]"
    )
