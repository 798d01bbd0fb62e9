"""Another organization's things do not exist: on every route of the document, in every filter and every body.

A route, a parameter or a member that names something new fails here until :mod:`tests.harness.things` makes one.
"""

from typing import Any, Final

import pytest

from tests.harness.described import Described, Schema, members, operations, with_member
from tests.harness.neighbour import move_in
from tests.harness.rows import stored_rows
from tests.harness.server import Client, RunningServer
from tests.harness.things import things_of
from wayvo.core.errors import PROBLEM_BY_CODE

Ids = dict[str, str]

# The operator sees and disables organizations; that is what these are for.
_FOR_THE_OPERATOR: Final = frozenset(
    {"getOrganization", "renameOrganization", "disableOrganization", "enableOrganization", "listOrganizations"}
)

# To anybody else they are closed, whichever organization it is about.
_CLOSED: Final = frozenset({"disableOrganization", "enableOrganization"})


class Street:
    """Two organizations beside the operator's, and the operator's; what each has, and who calls for it."""

    def __init__(self, server: RunningServer) -> None:
        self.server = server
        self.document: Schema = server.client(None).get("/openapi.json").json()
        self.operations = {operation.id: operation for operation in operations(self.document)}
        self.callers = {
            "operator": server.client(),
            "stranger": server.client(move_in(server).secret),
            "victim": server.client(move_in(server).secret),
        }
        self.ids = {name: things_of(client, name) for name, client in self.callers.items()}

    def may_see(self, who: str, operation: Described) -> bool:
        """Say whether an operation is there to reach into other organizations."""
        return who == "operator" and operation.id in _FOR_THE_OPERATOR


@pytest.fixture(scope="module")
def street(shared_server: RunningServer) -> Street:
    return Street(shared_server)


def _code(response: Any) -> str | None:
    return response.json().get("code") if response.content else None


@pytest.mark.parametrize("who", ["stranger", "operator"])
def test_what_belongs_to_another_organization_is_not_found_on_any_route(street: Street, who: str) -> None:
    before = stored_rows(street.server)
    tried = 0
    for operation in street.operations.values():
        if operation.is_public or street.may_see(who, operation):
            continue
        for name in operation.names("path"):
            ids = street.ids[who] | {name: street.ids["victim"][name]}
            response = operation.call(street.callers[who], ids)
            expected = (403, "insufficient_scope") if operation.id in _CLOSED else (404, "not_found")
            assert (response.status_code, _code(response)) == expected, (operation.id, name, response.text)
            tried += 1
    assert tried >= 20
    assert stored_rows(street.server) == before


def test_the_owner_finds_on_every_route_what_the_stranger_does_not(street: Street) -> None:
    for operation in street.operations.values():
        if operation.method == "GET" and operation.names("path"):
            response = operation.call(street.callers["victim"], street.ids["victim"])
            assert response.status_code == 200, (operation.id, response.text)


@pytest.mark.parametrize("who", ["stranger", "operator"])
def test_no_list_and_no_filter_tells_of_another_organization(street: Street, who: str) -> None:
    theirs = set(street.ids["victim"].values())
    for operation in street.operations.values():
        if operation.method != "GET" or operation.names("path") or street.may_see(who, operation):
            continue
        queries: list[dict[str, str]] = [{}]
        queries += [{name: street.ids["victim"][name]} for name in operation.names("query") if name.endswith("_id")]
        for query in queries:
            response = operation.call(street.callers[who], {}, query=query)
            assert response.status_code in (200, 422, 404), (operation.id, query, response.text)
            if query and response.status_code == 200:
                assert response.json()["data"] == [], (operation.id, query)
            found = {thing for thing in theirs if thing in response.text and thing not in query.values()}
            assert not found, (operation.id, query)


@pytest.mark.parametrize("who", ["stranger", "operator"])
def test_no_body_reaches_into_another_organization(street: Street, who: str) -> None:
    before = stored_rows(street.server)
    tried = 0
    for operation in street.operations.values():
        assert not [
            name
            for name in members(street.document, operation.body or {})
            if name.endswith("_id") and name not in (*street.ids["victim"], "external_id")
        ], operation.id
        if operation.is_public or operation.body is None:
            continue
        for name in {member for member in members(street.document, operation.body) if member in street.ids["victim"]}:
            body = with_member(street.document, operation.body, operation.example, name, street.ids["victim"][name])
            assert body != operation.example, (operation.id, name, "stands nowhere in the example")
            response = operation.call(street.callers[who], street.ids[who], body)
            assert response.status_code in (404, 422), (operation.id, name, response.text)
            assert _code(response) in PROBLEM_BY_CODE
            tried += 1
    assert tried >= 1
    assert stored_rows(street.server) == before


@pytest.mark.parametrize("who", ["stranger", "operator"])
@pytest.mark.parametrize("member", ["organization_id", "id", "created_by", "owner_id"])
def test_no_body_assigns_what_is_not_its_own_to_assign(street: Street, who: str, member: str) -> None:
    before = stored_rows(street.server)
    for operation in street.operations.values():
        if operation.is_public or operation.body is None or member in members(street.document, operation.body):
            continue
        body = operation.example | {member: street.ids["victim"]["organization_id"]}
        response = operation.call(street.callers[who], street.ids[who], body)
        assert response.status_code == 422, (operation.id, response.text)
        assert [error["field"] for error in response.json()["errors"]] == [member], operation.id
    assert stored_rows(street.server) == before


def test_a_lane_tells_a_stranger_nothing_about_another_organizations_key(street: Street) -> None:
    secret = move_in(street.server).secret
    audience = "https://stranger.example.com"
    verifier = street.callers["stranger"].post(
        "/v1/api-keys", json={"name": "Verifier", "access": {audience: ["credentials:verify"]}}
    )
    asker = street.server.client(verifier.json()["api_key"])
    for question in ({"audience": audience}, {}):
        answer = asker.post("/v1/verify", json={"credential": secret, **question})
        if answer.status_code == 200:
            assert answer.json() == {"valid": False, "code": "unknown"} | {
                name: value for name, value in answer.json().items() if name not in ("valid", "code") and not value
            }
        else:
            assert (answer.status_code, _code(answer)) == (403, "insufficient_scope")


def test_every_operation_that_needs_a_credential_refuses_to_be_called_without(street: Street) -> None:
    nobody: Client = street.server.client(None)
    for operation in street.operations.values():
        if not operation.is_public:
            response = operation.call(nobody, street.ids["victim"])
            assert (response.status_code, _code(response)) == (401, "missing_credential"), operation.id
