"""A reverse proxy tells what a client does, and the API's operations say whether it may."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pytest

from tests.harness.server import RunningServer
from tests.wire.doors import IDENTITY, Doors, denial, exchange

INVOICES, PLAIN = "https://invoices.example", "https://plain.example"
OPERATIONS: Final = [
    {"methods": ["GET"], "path": "/v1/invoices/{id}", "scopes": ["invoices:read"]},
    {"methods": ["*"], "path": "/v1/invoices/all", "scopes": ["invoices:read", "invoices:write"]},
    {"methods": ["GET"], "path": "/health"},
]
AUTH: Final = f"/v1/forward-auth?audience={INVOICES}"
Headers = Sequence[tuple[str, str]]


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    """A server with an API that has operations and one that has none; this test is a trusted proxy."""
    opened = Doors(tmp_path_factory.mktemp("server"))
    with opened.server:
        opened.open()
        for audience, operations in ((INVOICES, OPERATIONS), (PLAIN, [])):
            api = opened.create_api(audience, "invoices:read", "invoices:write")
            opened.operator.patch(f"/v1/apis/{api}", json={"operations": operations}).raise_for_status()
        yield opened


@pytest.fixture(scope="module")
def reader(doors: Doors) -> str:
    access = {INVOICES: ["invoices:read"], PLAIN: ["invoices:read"]}
    return str(doors.create_key(access=access)["api_key"])


def told(method: str, uri: str, how: str = "Forwarded") -> Headers:
    return ((f"X-{how}-Method", method), (f"X-{how}-Uri", uri))


def ask(doors: Doors, key: str, headers: Headers, path: str = AUTH) -> str:
    return denial(doors.nobody.get(path, headers=[("Authorization", f"Bearer {key}"), *headers]))


@pytest.mark.parametrize("how", ["Forwarded", "Original"])
@pytest.mark.parametrize(
    ("method", "uri", "code"),
    [
        ("GET", "/v1/invoices/7", "valid"),
        ("GET", "/v1/invoices/7?a=b", "valid"),
        ("GET", "/v1/invoices/%37", "valid"),
        ("GET", "/health", "valid"),
        ("GET", "/v1/invoices/all", "insufficient_scope"),
        ("PUT", "/v1/invoices/7", "unknown_operation"),
        ("GET", "/v1/invoices/7/../all", "unknown_operation"),
        ("GET", "/v1/invoices/x%2fall", "unknown_operation"),
        ("GET", "/v1/invoices//7", "unknown_operation"),
        ("GET", "/v1/invoices/7;x", "unknown_operation"),
        ("GET", "/v1/invoices/7#x", "unknown_operation"),
        ("GET", "http://invoices.example/health", "unknown_operation"),
        ("GET", "", "unknown_operation"),
        ("", "/health", "unknown_operation"),
    ],
)
def test_without_scopes_in_the_query_the_operation_decides(
    doors: Doors, reader: str, how: str, method: str, uri: str, code: str
) -> None:
    assert ask(doors, reader, told(method, uri, how)) == code
    assert ask(doors, reader, told(method, uri, how), f"{AUTH}&scopes=") == code


HEALTH: Final = told("GET", "/health")


@pytest.mark.parametrize(
    "headers",
    [
        (),
        HEALTH[:1],
        HEALTH[1:],
        (HEALTH[0], ("X-Original-Uri", "/health")),
        (*HEALTH, *told("GET", "/v1/invoices/7", "Original")),
        (*HEALTH, *told("PUT", "/health", "Original")),
        (*HEALTH, ("X-Original-Uri", "/health")),
        (*HEALTH, HEALTH[1]),
        (*HEALTH, HEALTH[0]),
        (*HEALTH, ("X-Forwarded-Uri", "/v1/invoices/7")),
        (("X-Forwarded-Method", "GET"), ("X-Forwarded-Uri", "/health?"), ("X-Forwarded-Uri", "/health")),
    ],
)
def test_an_operation_that_is_not_told_or_told_in_two_ways_is_unknown(
    doors: Doors, reader: str, headers: Headers
) -> None:
    assert ask(doors, reader, headers) == "unknown_operation"


def test_both_pairs_of_headers_may_tell_the_same(doors: Doors, reader: str) -> None:
    assert ask(doors, reader, (*HEALTH, *told("GET", "/health", "Original"))) == "valid"


def test_scopes_in_the_query_are_needed_whatever_the_operation(doors: Doors, reader: str) -> None:
    for headers in ((), told("PUT", "/nowhere"), told("GET", "/v1/invoices/all")):
        assert ask(doors, reader, headers, f"{AUTH}&scopes=invoices:read") == "valid"
    assert ask(doors, reader, HEALTH, f"{AUTH}&scopes=invoices:write") == "insufficient_scope"


def test_for_an_api_without_operations_access_is_enough_as_ever(doors: Doors, reader: str) -> None:
    for headers in ((), told("PUT", "//")):
        assert ask(doors, reader, headers, f"/v1/forward-auth?audience={PLAIN}") == "valid"


def test_an_unknown_operation_is_challenged_like_a_lack_of_scope_and_names_nobody(doors: Doors, reader: str) -> None:
    headers = [("Authorization", f"Bearer {reader}"), *told("PUT", "/health")]
    answer = doors.nobody.get(AUTH, headers=headers)
    assert answer.status_code == 403
    assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]
    assert {answer.headers[name] for name in IDENTITY} == {""}


def test_bytes_outside_ascii_in_what_a_proxy_tells_are_no_operation(doors: Doors, reader: str) -> None:
    request = (
        f"GET {AUTH} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {reader}\r\n"
        "X-Forwarded-Method: GET\r\nX-Forwarded-Uri: /v1/invoices/\xe9\r\n\r\n"
    )
    assert denial(exchange(doors.server.url, request.encode("latin-1"))) == "unknown_operation"


def test_nobody_but_a_trusted_proxy_tells_the_operation(tmp_path: Path) -> None:
    with RunningServer(tmp_path) as server:
        operator = server.client()
        body = {"audience": INVOICES, "name": "A", "scopes": [{"name": "invoices:read"}], "operations": OPERATIONS[2:]}
        operator.post("/v1/apis", json=body).raise_for_status()
        key = server.create_key(access={INVOICES: ["invoices:read"]})["api_key"]
        headers = [("Authorization", f"Bearer {key}"), *HEALTH, *told("GET", "/health", "Original")]
        assert denial(server.client(None).get(AUTH, headers=headers)) == "unknown_operation"
