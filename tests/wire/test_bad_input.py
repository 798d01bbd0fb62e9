"""Whatever strangers send: a 4xx problem with the right code that names the field, and nothing written."""

import json
import socket
from collections.abc import Iterator
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import httpx
import pytest

from tests.harness.people import found_organization, invite, make_role
from tests.harness.rows import stored_rows
from tests.harness.server import Client, RunningServer

LONGEST_BODY: Final = 65_536
DAY: Final = 86_400


class Operation(NamedTuple):
    """An operation that takes a body, and one that it accepts."""

    method: str
    path: str
    body: dict[str, Any]


OPERATIONS: Final = (
    Operation("POST", "/v1/api-keys", {"name": "n"}),
    Operation("PATCH", "/v1/api-keys/{key}", {"name": "n"}),
    Operation("POST", "/v1/api-keys/{key}/rotate", {"overlap_seconds": 60}),
    Operation("POST", "/v1/api-keys/{key}/revoke", {"reason": "r"}),
    Operation("POST", "/v1/projects", {"name": "n"}),
    Operation("PATCH", "/v1/projects/{project}", {"name": "n"}),
    Operation("POST", "/v1/projects/{project}/archive", {}),
    Operation("POST", "/v1/apis", {"audience": "urn:example:new", "name": "n"}),
    Operation("PATCH", "/v1/apis/{api}", {"name": "n"}),
    Operation("POST", "/v1/organizations", {"name": "n", "owner_email": "o@example.com"}),
    Operation("PATCH", "/v1/organizations/{organization}", {"name": "n"}),
    Operation("POST", "/v1/organizations/{organization}/disable", {}),
    Operation("POST", "/v1/organizations/{organization}/enable", {}),
    Operation("POST", "/v1/roles", {"name": "n", "permissions": []}),
    Operation("PATCH", "/v1/roles/{role}", {"name": "n"}),
    Operation("PATCH", "/v1/users/{user}", {"role": "owner"}),
    Operation("PUT", "/v1/projects/{project}/members/{user}", {"role": "viewer"}),
    Operation("POST", "/v1/invitations", {"email": "i@example.com", "role": "viewer"}),
    Operation("POST", "/v1/invitations/accept", {"token": "t"}),
    Operation("POST", "/v1/verify", {"credential": "c"}),
)
READS: Final = (
    "/v1/api-keys",
    "/v1/api-keys/{key}",
    "/v1/projects",
    "/v1/projects/{project}",
    "/v1/apis",
    "/v1/apis/{api}",
    "/v1/users",
    "/v1/users/{user}",
    "/v1/organizations",
    "/v1/organizations/{organization}",
    "/v1/roles",
    "/v1/roles/{role}",
    "/v1/permissions",
    "/v1/invitations",
    "/v1/invitations/{invitation}",
    "/v1/projects/{project}/members",
    "/v1/whoami",
    "/healthz",
    "/readyz",
    "/openapi.json",
)


class Things(NamedTuple):
    """What the paths name, and a client that refuses to leave anything written."""

    server: RunningServer
    client: Client
    ids: dict[str, str]

    def send(self, operation: Operation, content: bytes | None = None, **options: Any) -> httpx.Response:
        """Send a body to an operation."""
        headers = {"Content-Type": "application/json", **options.pop("headers", {})}
        path = operation.path.format(**self.ids)
        return self.client.request(operation.method, path, content=content, headers=headers, **options)


@pytest.fixture(scope="module")
def things(shared_server: RunningServer) -> Things:
    """A key, a project, an API and a user that exist."""
    client = shared_server.client()
    founded = shared_server.founded
    assert founded is not None
    ids = {
        "key": shared_server.create_key()["id"],
        "project": client.post("/v1/projects", json={"name": "n"}).json()["id"],
        "api": client.post("/v1/apis", json={"audience": "urn:example:there", "name": "n"}).json()["id"],
        "user": founded.owner.id,
        "organization": found_organization(client)["id"],
        "role": make_role(client, "users:read")["id"],
        "invitation": invite(client)["id"],
    }
    return Things(shared_server, client, ids)


@pytest.fixture(autouse=True)
def nothing_is_written(things: Things) -> Iterator[None]:
    """Compare every row of every table before and after each test of this file."""
    before = stored_rows(things.server)
    yield
    assert stored_rows(things.server) == before


def refused(response: httpx.Response, status: int, code: str, *fields: str) -> None:
    """Assert that a request was refused so, with a problem document that names ``fields`` and no others."""
    assert (response.status_code, response.headers["Content-Type"]) == (status, "application/problem+json"), (
        response.text
    )
    document = response.json()
    assert (document["status"], document["code"]) == (status, code)
    assert [fault["field"] for fault in document.get("errors", [])] == list(fields), document["errors"]


each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: f"{one.method} {one.path}")


# Bodies that are no JSON, or mean two things


@each_operation
@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b'{"name": "n"',
        b'{"name": "n",}',
        b"{'name': 'n'}",
        b'{"name": NaN}',
        b'{"name": -Infinity}',
        b'{"name": 01}',
        b'{"name": "n"} {}',
        b'{"name": "line\nfeed"}',
        b'{"name": "\\x41"}',
        b'{"name": "n" /* why */}',
        b"\xef\xbb\xbf{}",
        b'{"name": "\xff"}',
        b'{"name": "\xed\xa0\x80"}',
        '{"name": "n"}'.encode("utf-16"),
        b"name=n&name=m",
        b"\0",
        b" ",
    ],
)
def test_a_body_that_is_no_json_is_refused(things: Things, operation: Operation, content: bytes) -> None:
    refused(things.send(operation, content), 400, "malformed_json")


@each_operation
@pytest.mark.parametrize("twice", ['"name": "n", "name": "n"', '"metadata": {"a": "b", "a": "c"}', '"": 1, "": 1'])
def test_a_name_that_stands_twice_is_refused(things: Things, operation: Operation, twice: str) -> None:
    refused(things.send(operation, f"{{{twice}}}".encode()), 400, "malformed_json")


@each_operation
@pytest.mark.parametrize(
    "content",
    [
        b"[" * 30_000 + b"]" * 30_000,
        b'{"name":' * 7_000 + b"1" + b"}" * 7_000,
        b'{"name": ' + b"[" * 5_000 + b'"\\u0041"' + b"]" * 5_000 + b"}",
    ],
    ids=["lists", "objects", "escapes"],
)
def test_a_body_without_bottom_is_refused(things: Things, operation: Operation, content: bytes) -> None:
    if operation.path == "/v1/verify":
        content = content[len(content) // 2 - 8_000 : len(content) // 2 + 8_000]
    response = things.send(operation, content)
    assert 400 <= response.status_code < 500
    assert response.json()["code"] in {"malformed_json", "invalid_field"}


@each_operation
@pytest.mark.parametrize("digits", [5_000, 15_000])
def test_a_number_without_end_is_refused(things: Things, operation: Operation, digits: int) -> None:
    response = things.send(operation, b'{"overlap_seconds": ' + b"9" * digits + b"}")
    refused(response, 400, "malformed_json")
    assert "sys." not in response.text


# Bodies of the wrong shape


@each_operation
@pytest.mark.parametrize("content", [b"[]", b"1", b'"name"', b"null", b"true", b'[{"name": "n"}]', b"1e400"])
def test_a_body_that_is_no_object_is_refused(things: Things, operation: Operation, content: bytes) -> None:
    refused(things.send(operation, content), 422, "invalid_field", "body")


@each_operation
def test_a_field_that_nobody_knows_is_refused_by_its_name(things: Things, operation: Operation) -> None:
    for name in ("bogus", "Name", "created_at", "id", "api_key"):
        response = things.send(operation, json.dumps({**operation.body, name: None}).encode())
        refused(response, 422, "invalid_field", name)


@pytest.mark.parametrize(
    "path", ["/v1/api-keys/{key}", "/v1/projects/{project}", "/v1/apis/{api}", "/v1/roles/{role}", "/v1/users/{user}"]
)
def test_a_change_that_lost_its_body_is_refused(things: Things, path: str) -> None:
    refused(things.send(Operation("PATCH", path, {}), b""), 400, "malformed_json")


NAMED: Final[dict[str, list[Any]]] = {
    "name": ["", "n" * 101, "a\u0000b", "line\nfeed", "feed\n", "\u007f", "\ud800", None],
    "description": ["d" * 501, "bell\u0007", "\u0000", "\ud800x", None],
    "reason": ["r" * 501, "\u0000", "\udfff"],
    "project_id": ["p" * 65, "\u0000", "\ud800"],
    "mode": ["", "LIVE", "live ", "\u0000", None],
    "scopes": ["users:read", {"users:read": True}],
    "access": [["users:read"], "users:read", {"": []}, {"a" * 301: []}],
    "expires_at": ["", "tomorrow", "2027-01-01", "2027-01-01T00:00:00", "\u0000"],
    "allowed_networks": ["10.0.0.0/8", {"10.0.0.0/8": True}, ["10.0.0.0/8"] * 51, None],
    "metadata": [["k"], "k=v", None, {str(number): "" for number in range(21)}],
    "overlap_seconds": ["", "60", -1, 2_592_001, 60.5, 60.0, None, 10**30],
    "visibility": ["", "public", "PRIVATE", None],
    "audience": ["", "orders", "a" * 301, None],
    "credential": ["", "c" * 4097, "\u0000", None],
    "owner_email": ["", "nobody", "a@b c", "a@b\n", "x" * 250 + "@b.example", "\u0000", None],
    "email": ["", "nobody", "a@b c", "a@b\n", "x" * 250 + "@b.example", "\u0000", None],
    "role": ["", "r" * 65, "\u0000", "root", None],
    "permissions": ["users:read", {"users:read": True}, ["users:delete"], None],
    "token": ["", "t" * 2001, "\u0000", None],
    "password": ["", "short", "p" * 257, "\u0000"],
    "ip": ["i" * 65, "\u0000", "10.0.0.0/8", "nowhere"],
}
FIELDS: Final = {
    "POST /v1/api-keys": [
        "name",
        "description",
        "project_id",
        "mode",
        "scopes",
        "access",
        "expires_at",
        "allowed_networks",
        "metadata",
    ],
    "PATCH /v1/api-keys/{key}": [
        "name",
        "description",
        "scopes",
        "access",
        "expires_at",
        "allowed_networks",
        "metadata",
    ],
    "POST /v1/api-keys/{key}/rotate": ["overlap_seconds", "expires_at"],
    "POST /v1/api-keys/{key}/revoke": ["reason"],
    "POST /v1/projects": ["name", "description"],
    "PATCH /v1/projects/{project}": ["name", "description"],
    "POST /v1/projects/{project}/archive": [],
    "POST /v1/apis": ["audience", "name", "description", "scopes", "visibility"],
    "PATCH /v1/apis/{api}": ["name", "description", "scopes", "visibility"],
    "POST /v1/organizations": ["name", "owner_email"],
    "PATCH /v1/organizations/{organization}": ["name"],
    "POST /v1/organizations/{organization}/disable": [],
    "POST /v1/organizations/{organization}/enable": [],
    "POST /v1/roles": ["name", "description", "permissions", "access"],
    "PATCH /v1/roles/{role}": ["name", "description", "permissions", "access"],
    "PATCH /v1/users/{user}": ["role"],
    "PUT /v1/projects/{project}/members/{user}": ["role"],
    "POST /v1/invitations": ["email", "role"],
    "POST /v1/invitations/accept": ["token", "password"],
    "POST /v1/verify": ["credential", "scopes", "audience", "mode", "ip"],
}
EVERYWHERE: Final[list[Any]] = [17, 1e22, -0.5, True, [[]], [None], {"$ne": 1}]


@each_operation
def test_a_value_that_may_not_stand_in_a_field_is_refused_by_its_name(things: Things, operation: Operation) -> None:
    for field in FIELDS[f"{operation.method} {operation.path}"]:
        for value in [*NAMED[field], *EVERYWHERE]:
            if (field, operation.path, value) == ("audience", "/v1/verify", "orders"):
                continue  # Nobody has to register what is asked about.
            if field == "overlap_seconds" and value == 17 and value is not True:
                continue
            response = things.send(operation, json.dumps({**operation.body, field: value}).encode())
            context = (field, value, response.text)
            assert (response.status_code, response.json()["code"]) == (422, "invalid_field"), context
            named = [fault["field"] for fault in response.json()["errors"]]
            assert [name for name in named if not name.startswith(field)] == [], context
            assert named, context


@each_operation
def test_a_required_field_that_is_missing_is_named(things: Things, operation: Operation) -> None:
    required = {
        "POST /v1/api-keys": ["name"],
        "POST /v1/projects": ["name"],
        "POST /v1/apis": ["audience", "name"],
        "POST /v1/organizations": ["name", "owner_email"],
        "PATCH /v1/organizations/{organization}": ["name"],
        "POST /v1/roles": ["name", "permissions"],
        "PATCH /v1/users/{user}": ["role"],
        "PUT /v1/projects/{project}/members/{user}": ["role"],
        "POST /v1/invitations": ["email", "role"],
        "POST /v1/invitations/accept": ["token"],
        "POST /v1/verify": ["credential"],
    }
    for field in required.get(f"{operation.method} {operation.path}", []):
        body = {name: value for name, value in operation.body.items() if name != field}
        refused(things.send(operation, json.dumps(body).encode()), 422, "invalid_field", field)


@each_operation
@pytest.mark.parametrize("escape", ["\\u0000", "\\ud800", "\\udc00\\ud800"])
def test_nul_and_lone_surrogates_are_refused_wherever_they_stand(
    things: Things, operation: Operation, escape: str
) -> None:
    for content, field in (
        (f'"{escape}"', "body"),
        (f'["{escape}"]', "[0]"),
        (f'{{"{escape}": 1}}', "body"),
        (f'{{"metadata": {{"k": "v{escape}"}}}}', "metadata.k"),
        (f'{{"metadata": {{"{escape}k": "v"}}}}', "metadata"),
        (f'{{"allowed_networks": ["10.0.0.0/8", "{escape}"]}}', "allowed_networks[1]"),
    ):
        refused(things.send(operation, content.encode()), 422, "invalid_field", field)


@pytest.mark.parametrize(
    "expires_at",
    [
        -10 * DAY,
        -0.000001,
        0,
        3653 * DAY + 0.000001,
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "1970-01-01T00:00:00Z",
        "9999-12-31T23:59:59.999999Z",
        "9999-12-31T23:59:59-23:59",
        "10000-01-01T00:00:00Z",
        "-2027-01-01T00:00:00Z",
        "2027-01-01T00:00:00+23:59",
        "2027-01-01T00:00:00-23:59",
        "2027-01-01T00:00:00+24:00",
        "2027-06-30T23:59:60Z",
        "2027-02-29T00:00:00Z",
        "2027-13-01T00:00:00Z",
        "2027-01-01T24:00:00Z",
        "2027-01-01T00:00:00",
        "2027-01-01",
        "٢٠٢٧-01-01T00:00:00Z",
        "1795521600",
        1_795_521_600,
        1e22,
        True,
        {},
    ],
    ids=repr,
)
@pytest.mark.parametrize("operation", OPERATIONS[:3], ids=lambda one: f"{one.method} {one.path}")
def test_an_absurd_expiry_is_refused(things: Things, operation: Operation, expires_at: Any) -> None:
    if isinstance(expires_at, int | float) and not isinstance(expires_at, bool) and abs(expires_at) < 1e9:
        expires_at = things.server.clock.at(expires_at)
    response = things.send(operation, json.dumps({**operation.body, "expires_at": expires_at}).encode())
    refused(response, 422, "invalid_field", "expires_at")


@pytest.mark.parametrize(
    "scope",
    [
        "",
        " ",
        "users",
        "users:",
        ":read",
        "users:read ",
        "Users:read",
        "users:*:read",
        "*:read",
        "**",
        "users:re*",
        "users.:read",
        "users:read\n",
        "us ers:read",
        "users:read,projects:read",
        "пользователи:read",
        "u" * 99 + ":r",
        1,
        None,
    ],
)
@pytest.mark.parametrize("operation", OPERATIONS[:2], ids=lambda one: f"{one.method} {one.path}")
def test_a_scope_outside_the_grammar_is_refused(things: Things, operation: Operation, scope: Any) -> None:
    for body, field in (
        ({"scopes": ["users:read", scope]}, "scopes[1]"),
        ({"access": {"urn:wayvo:management": [scope]}}, "access[...][0]"),
    ):
        response = things.send(operation, json.dumps({**operation.body, **body}).encode())
        refused(response, 422, "invalid_field", "scopes" if str(scope).endswith("\n") else field)


@pytest.mark.parametrize(
    "network",
    [
        "",
        "10.0.0.0/33",
        "10.0.0.1/8",
        "10.0.0/8",
        "10.0.0.0/-1",
        "10.0.0.0/8/8",
        "10.0.0.0 /8",
        "256.0.0.0/8",
        "010.0.0.0/8",
        "::/129",
        "fe80::1%eth0",
        "fe80::%1/64",
        "2001:db8::1/32",
        "example.com",
        "*",
        "10.0.0.0/255.0.0.0x",
        "1" * 65,
        10,
        None,
        ["10.0.0.0/8"],
    ],
)
@pytest.mark.parametrize("operation", OPERATIONS[:2], ids=lambda one: f"{one.method} {one.path}")
def test_a_broken_network_is_refused_by_its_place(things: Things, operation: Operation, network: Any) -> None:
    body = {**operation.body, "allowed_networks": ["192.0.2.0/24", network]}
    refused(things.send(operation, json.dumps(body).encode()), 422, "invalid_field", "allowed_networks[1]")


@pytest.mark.parametrize("metadata", [{"": "v"}, {"k" * 41: "v"}, {"k": "v" * 501}, {"k": 1}, {"k": None}, {"k": {}}])
@pytest.mark.parametrize("operation", OPERATIONS[:2], ids=lambda one: f"{one.method} {one.path}")
def test_metadata_is_small_and_of_strings(things: Things, operation: Operation, metadata: dict[str, Any]) -> None:
    response = things.send(operation, json.dumps({**operation.body, "metadata": metadata}).encode())
    assert (response.status_code, response.json()["code"]) == (422, "invalid_field")
    assert response.json()["errors"][0]["field"].startswith("metadata")


# Bodies that are too long or of another kind


@each_operation
def test_a_body_of_ten_mebibytes_is_refused_whether_or_not_it_says_so(things: Things, operation: Operation) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(160):
            yield b" " * LONGEST_BODY

    refused(things.send(operation, b'{"name": "' + b"n" * 10_485_760 + b'"}'), 413, "body_too_large")
    try:
        response = things.send(operation, chunks())  # type: ignore[arg-type] # httpx streams it
    except (httpx.WriteError, httpx.ReadError):
        return  # The server may close on who goes on sending.
    refused(response, 413, "body_too_large")


@each_operation
def test_a_body_of_another_kind_is_refused(things: Things, operation: Operation) -> None:
    if operation.path == "/v1/verify":
        return  # The machine door reads JSON whatever it is called.
    for kind in ("text/plain", "multipart/form-data; boundary=x", "application/xml", "application/jsonx", "x"):
        response = things.send(operation, json.dumps(operation.body).encode(), headers={"Content-Type": kind})
        refused(response, 415, "unsupported_media_type")


# Queries


@pytest.mark.parametrize("path", READS)
def test_a_parameter_that_nobody_knows_is_refused_by_its_name(things: Things, path: str) -> None:
    for name in ("bogus", "Limit", "id"):
        response = things.client.get(path.format(**things.ids), params={name: "1"})
        refused(response, 400, "invalid_request", name)


@each_operation
def test_a_parameter_of_an_operation_that_has_none_is_refused(things: Things, operation: Operation) -> None:
    response = things.send(operation, json.dumps(operation.body).encode(), params={"dry_run": "true"})
    refused(response, 400, "invalid_request", "dry_run")


@pytest.mark.parametrize("path", ["/v1/api-keys", "/v1/projects", "/v1/apis", "/v1/users"])
def test_a_parameter_that_stands_twice_is_refused_by_its_name(things: Things, path: str) -> None:
    for query in ("limit=1&limit=1", "limit=1&limit=2", "cursor=a&cursor=b", "limit=1&%6cimit=1"):
        response = things.client.get(f"{path}?{query}")
        refused(response, 400, "invalid_request", "cursor" if "cursor" in query else "limit")


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("mode=LIVE", ["mode"]),
        ("mode=", ["mode"]),
        ("status=gone", ["status"]),
        ("project_id=" + "p" * 65, ["project_id"]),
        ("text=", ["text"]),
        ("text=" + "t" * 101, ["text"]),
        ("text=%00", ["text"]),
        ("project_id=a%00", ["project_id"]),
        ("expiring_before=tomorrow", ["expiring_before"]),
        ("expiring_before=1795521600", ["expiring_before"]),
        ("expiring_before=1e22", ["expiring_before"]),
        ("expiring_before=2027-01-01T00:00:00", ["expiring_before"]),
        ("expiring_before=2027-01-01T00:00:00+02:00", ["expiring_before"]),
        ("expiring_before=2027-06-30T23:59:60Z", ["expiring_before"]),
        ("expiring_before=0001-01-01T00:00:00Z", ["expiring_before"]),
        ("expiring_before=9999-12-31T23:59:59-23:59", ["expiring_before"]),
        ("expiring_before=10000-01-01T00:00:00Z", ["expiring_before"]),
        ("unused_since=", ["unused_since"]),
        ("unused_since=0", ["unused_since"]),
        ("unused_since=0001-01-01T00:00:00%2B23:59", ["unused_since"]),
        ("text=%ff", []),
        ("text=%ed%a0%80", []),
        ("&".join(f"p{number}=1" for number in range(1_000)), []),
    ],
)
def test_a_value_that_may_not_stand_in_a_parameter_is_refused(things: Things, query: str, fields: list[str]) -> None:
    refused(things.client.get(f"/v1/api-keys?{query}"), 400, "invalid_request", *fields)


# Headers, byte by byte


def raw(server: RunningServer, request: bytes) -> tuple[int, bytes, bytes]:
    """Send bytes and return the status, the head and the body of what comes back."""
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(request)
        answer = b""
        while chunk := connection.recv(65_536):
            answer += chunk
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), head.lower(), body


@pytest.mark.parametrize(
    ("header", "status", "code"),
    [
        (b"Authorization: Bearer \xff\xfe", 401, "malformed"),
        (b"Authorization: \xffearer x", 401, "missing_credential"),
        ("Authorization: Bearer wv_live_ключ".encode(), 401, "malformed"),
        (b"Authorization: Bearer a b", 401, "malformed"),
        (b"Authorization: Bearer", 401, "malformed"),
        (b"Authorization: Basic dTpw", 401, "missing_credential"),
        (b"Authorization:", 401, "missing_credential"),
        (b"X-Nothing: x", 401, "missing_credential"),
        (b"Authorization: Bearer {key}\r\nAuthorization: Bearer {key}", 401, "malformed"),
        (b"Authorization: Bearer {key}\r\nIdempotency-Key: \xff", 400, "invalid_request"),
        (b"Authorization: Bearer {key}\r\nContent-Type: \xff", 415, "unsupported_media_type"),
        (b"Authorization: Bearer {key}\r\nContent-Type: text/\xc3\xa9", 415, "unsupported_media_type"),
    ],
)
def test_header_bytes_outside_ascii_and_broken_credentials_are_refused(
    things: Things, header: bytes, status: int, code: str
) -> None:
    header = header.replace(b"{key}", things.server.key.encode())
    body = b'{"name": "n"}'
    length = b"Content-Length: %d" % len(body)
    lines = [b"POST /v1/projects HTTP/1.1", b"Host: localhost", b"Connection: close", length, header, b"", body]
    answered, head, document = raw(things.server, b"\r\n".join(lines))
    assert (answered, json.loads(document)["code"]) == (status, code)
    assert b"content-type: application/problem+json" in head
    assert (b"www-authenticate: bearer" in head) is (status == 401)


@pytest.mark.parametrize(
    "header",
    [
        b"X-Nothing: \xff\xfe\x80",
        b"Cookie: \xff=\xfe",
        b"User-Agent: \xc3\xa9",
        b"Accept: \xff/\xff",
        b"Host: \xff",
        b"Host: [",
        b"Host: a:99999999",
        b"X-Forwarded-For: \xff, 1.2.3.4",
        b"X-Request-Id: \xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8",
        b"Content-Type: application/json; charset=\xff",
        b"Accept-Language: \xff",
        b"If-None-Match: \xff",
    ],
)
def test_no_header_byte_makes_a_failure_of_a_request(things: Things, header: bytes) -> None:
    lines = [b"Connection: close", b"Authorization: Bearer " + things.server.key.encode(), header]
    if not header.startswith(b"Host"):
        lines.append(b"Host: localhost")
    for path in (b"/v1/whoami", b"/healthz", b"/v1/forward-auth", b"/nowhere"):
        status, _, document = raw(things.server, b"\r\n".join([b"GET " + path + b" HTTP/1.1", *lines, b"", b""]))
        assert status in {200, 400, 404}, document
    lines = [b"POST /v1/projects HTTP/1.1", *lines, b"Idempotency-Key: k", b"Content-Length: 12", b"", b'{"nome":"a"}']
    status, _, document = raw(things.server, b"\r\n".join(lines))
    assert status in {400, 422}, document


# What is refused is not repeated


@each_operation
def test_a_key_that_was_pasted_into_the_wrong_field_is_not_repeated(things: Things, operation: Operation) -> None:
    # The client fails on a problem document that shows a key.
    key = things.server.key
    for field in [*FIELDS[f"{operation.method} {operation.path}"], "bogus", key]:
        for value in (key, [key], {key: key}, {key: ["users:read"]}, {key: "\u0000"}, [{"name": key}], [[key]]):
            body = {**operation.body, field: value, "and": key}
            response = things.send(operation, json.dumps(body).encode())
            assert response.status_code in {400, 422}, response.text


def test_a_key_that_was_pasted_into_a_url_is_not_repeated(things: Things) -> None:
    key = quote(things.server.key)
    parameters = ("project_id", "mode", "status", "expiring_before", "unused_since", "limit", "cursor", "bogus", key)
    for parameter in parameters:
        assert things.client.get(f"/v1/api-keys?{parameter}={key}").status_code in {200, 400}
    for path in READS:
        assert things.client.get(f"{path.format(**things.ids)}/{key}").status_code in {404, 405}
    for audience in (key, f"https://example.com/{key}"):
        for body in ({"access": {audience: ["a:b"]}}, {"access": {audience: ["users:read"]}}):
            response = things.send(OPERATIONS[0], json.dumps({"name": "n", **body}).encode())
            assert response.status_code == 422
        response = things.client.get("/v1/verify", params={"audience": audience}, headers={"Wayvo-Credential": "x"})
        assert response.status_code == 403
