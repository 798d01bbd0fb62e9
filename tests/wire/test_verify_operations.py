"""Verification by operation: what is done, instead of the scopes that it needs."""

from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.wire.doors import Doors, problem, verdict

INVOICES, PLAIN = "https://invoices.example", "https://plain.example"
OPERATIONS: Final = [
    {"methods": ["GET"], "path": "/v1/invoices/{id}", "scopes": ["invoices:read"]},
    {"methods": ["*"], "path": "/v1/invoices/all", "scopes": ["invoices:read", "invoices:write"]},
    {"methods": ["GET"], "path": "/health"},
]
READER: Final[dict[str, Any]] = {"access": {INVOICES: ["invoices:read"], PLAIN: ["invoices:read"]}}


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    """A server with an API that has operations and one that has none."""
    opened = Doors(tmp_path_factory.mktemp("server"))
    with opened.server:
        opened.open()
        for audience, operations in ((INVOICES, OPERATIONS), (PLAIN, [])):
            api = opened.create_api(audience, "invoices:read", "invoices:write")
            opened.operator.patch(f"/v1/apis/{api}", json={"operations": operations}).raise_for_status()
        opened.asker = opened.let_ask_about(INVOICES, PLAIN)
        yield opened


@pytest.fixture(scope="module")
def reader(doors: Doors) -> str:
    return str(doors.create_key(**READER)["api_key"])


def both_ways(doors: Doors, credential: str, method: str, path: str, audience: str = INVOICES) -> set[str]:
    """Return what both forms of the question are answered."""
    operation = {"method": method, "path": path}
    body = {"credential": credential, "audience": audience, "operation": operation}
    by_post = doors.asker.post("/v1/verify", json=body)
    query = {"audience": audience, **operation}
    by_get = doors.asker.get("/v1/verify", params=query, headers={"Wayvo-Credential": credential})
    return {verdict(by_post), verdict(by_get)}


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/v1/invoices/7", "valid"),
        ("GET", "/v1/invoices/7?a=/../b", "valid"),
        ("GET", "/v1/%69nvoices/7", "valid"),
        ("GET", "/health", "valid"),
        ("GET", "/v1/invoices/all", "insufficient_scope"),
        ("GET", "/v1/invoices/%61ll", "insufficient_scope"),
        ("BREW", "/v1/invoices/all", "insufficient_scope"),
        ("POST", "/v1/invoices/7", "unknown_operation"),
        ("HEAD", "/v1/invoices/7", "unknown_operation"),
        ("get", "/v1/invoices/7", "unknown_operation"),
        ("GET", "/v1/invoices", "unknown_operation"),
        ("GET", "/v1/invoices/7/", "unknown_operation"),
        ("GET", "/v1//invoices/7", "unknown_operation"),
        ("GET", "/v1/invoices/..", "unknown_operation"),
        ("GET", "/v1/invoices/a%2Fb", "unknown_operation"),
        ("GET", "/v1/invoices/7;a=b", "unknown_operation"),
        ("GET", "/v1/invoices/\u00e9", "unknown_operation"),
        ("GET", "https://invoices.example/health", "unknown_operation"),
    ],
)
def test_the_operation_says_which_scopes_are_needed(
    doors: Doors, reader: str, method: str, path: str, code: str
) -> None:
    assert both_ways(doors, reader, method, path) == {code}


def test_an_api_that_declares_no_operations_has_none_to_ask_about(doors: Doors, reader: str) -> None:
    assert both_ways(doors, reader, "GET", "/v1/invoices/7", PLAIN) == {"unknown_operation"}


def test_whatever_else_is_wrong_with_the_credential_is_said_first(doors: Doors) -> None:
    key = doors.create_key(**READER)
    doors.operator.post(f"/v1/api-keys/{key['id']}/revoke").raise_for_status()
    assert both_ways(doors, key["api_key"], "GET", "/nowhere") == {"revoked"}


def test_a_verdict_about_an_unknown_operation_tells_whom_the_credential_speaks_for(doors: Doors, reader: str) -> None:
    body = {"credential": reader, "audience": INVOICES, "operation": {"method": "GET", "path": "/nowhere"}}
    answer = doors.asker.post("/v1/verify", json=body).json()
    assert (answer["valid"], answer["code"], answer["scopes"]) == (False, "unknown_operation", ["invoices:read"])
    assert answer["credential_id"]


def test_a_change_of_the_operations_is_in_force_at_once(doors: Doors) -> None:
    audience = "https://changing.example"
    api = doors.create_api(audience, "a:a")
    key = doors.create_key(access={audience: ["a:a"]})["api_key"]
    asker = doors.let_ask_about(audience)
    body = {"credential": key, "audience": audience, "operation": {"method": "GET", "path": "/a"}}
    assert verdict(asker.post("/v1/verify", json=body)) == "unknown_operation"
    for operations, code in (([{"methods": ["GET"], "path": "/{x}"}], "valid"), ([], "unknown_operation")):
        doors.operator.patch(f"/v1/apis/{api}", json={"operations": operations}).raise_for_status()
        assert verdict(asker.post("/v1/verify", json=body)) == code


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"operation": {"method": "GET", "path": "/health"}, "scopes": ["invoices:read"]}, "operation"),
        ({"operation": {"method": "GET"}}, "operation.path"),
        ({"operation": {"path": "/health"}}, "operation.method"),
        ({"operation": {"method": "GET", "path": ""}}, "operation.path"),
        ({"operation": {"method": "GET", "path": "/" + "a" * 8192}}, "operation.path"),
        ({"operation": {"method": "GET", "path": "/a", "mode": "live"}}, "operation.mode"),
        ({"operation": "GET /a"}, "operation"),
    ],
)
def test_a_question_that_means_nothing_is_refused_by_its_field(
    doors: Doors, reader: str, fields: dict[str, Any], field: str
) -> None:
    answer = doors.asker.post("/v1/verify", json={"credential": reader, "audience": INVOICES, **fields})
    assert (answer.status_code, problem(answer)["code"]) == (422, "invalid_field")
    assert [fault["field"] for fault in problem(answer)["errors"]] == [field]


def test_an_operation_that_says_one_thing_twice_is_refused(doors: Doors, reader: str) -> None:
    for twice in ('"path": "/health", "path": "/a"', '"path": "/health", "p\\u0061th": "/a"'):
        body = f'{{"credential": "{reader}", "audience": "{INVOICES}", "operation": {{"method": "GET", {twice}}}}}'
        answer = doors.asker.post("/v1/verify", content=body, headers={"Content-Type": "application/json"})
        assert (answer.status_code, problem(answer)["code"]) == (400, "malformed_json")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("method=GET", "path"),
        ("path=/health", "method"),
        ("method=GET&path=", "path"),
        ("method=GET&path=/health&scopes=invoices:read", "operation"),
        ("method=GET&method=PUT&path=/health", "method"),
    ],
)
def test_a_query_that_means_nothing_is_refused_by_its_field(doors: Doors, reader: str, query: str, field: str) -> None:
    headers = {"Wayvo-Credential": reader}
    answer = doors.asker.get(f"/v1/verify?audience={INVOICES}&{query}", headers=headers)
    assert (answer.status_code, problem(answer)["code"]) == (400, "invalid_request")
    assert [fault["field"] for fault in problem(answer)["errors"]] == [field]
