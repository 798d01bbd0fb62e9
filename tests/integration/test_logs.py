"""Logs: JSON on stderr, a line per request with its route's template, and nothing that anybody sent."""

import re
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.harness.leaks import leaked
from tests.harness.process import SECONDS, ServerProcess
from wayvo.core.credentials.format import Mode, mint

KEY = mint("wv", Mode.LIVE, bytes(range(24)))
"""A key that exists nowhere; in form it is one."""
NEEDLE = "needle-in-a-haystack"
"""A secret that has no form."""
ACCESS_FIELDS = {
    "event", "level", "logger", "timestamp", "method", "route", "status", "duration_ms", "request_id", "peer"
}  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("logs"), variables={"WAYVO_FAST_LANE": "false"}) as server:
        yield server


@pytest.fixture(scope="module")
def founded(server: ServerProcess) -> dict[str, str]:
    return server.found()


def exchange(server: ServerProcess, sent: bytes, *, is_all: bool = False) -> bytes:
    """Send bytes as they stand (and, if they are all, nothing after them) and return what comes back to the end."""
    with socket.create_connection(("127.0.0.1", server.port), SECONDS) as connection:
        connection.sendall(sent)
        if is_all:
            connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as received:
            return received.read()


def request(target: str = "/v1/users", *headers: str, method: str = "GET", body: str = "") -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: wayvo", "Connection: close", *headers]
    if body:
        lines.append(f"Content-Length: {len(body.encode())}")
    return "\r\n".join([*lines, "", body]).encode("latin-1")


def places(secret: str) -> dict[str, bytes]:
    """Return requests with ``secret`` in every place of one."""
    bearer = f"Authorization: Bearer {secret}"
    return {
        "a path": request(f"/{secret}"),
        "a path below a route": request(f"/v1/api-keys/{secret}", bearer),
        "a path below a lane": request(f"/v1/forward-auth/{secret}?audience={secret}", bearer),
        "an escaped path": request(f"/v1/users/%77{secret}%0a%22", bearer),
        "an absolute target": request(f"http://wayvo/{secret}"),
        "a query": request(f"/v1/users?cursor={secret}&{secret}={secret}", bearer),
        "a lane's query": request(f"/v1/verify?audience={secret}&{secret}", bearer),
        "user information": request(f"http://{secret}:{secret}@wayvo/v1/users"),
        "a bearer": request("/v1/users", bearer),
        "another scheme": request("/v1/users", f"Authorization: Basic {secret}"),
        "no scheme": request("/v1/users", f"Authorization: {secret}"),
        "two bearers": request("/v1/users", bearer, bearer),
        "a header": request("/v1/users", f"Wayvo-Credential: {secret}", f"Idempotency-Key: {secret}"),
        "the name of a header": request("/v1/users", f"{secret}: x"),
        "a request id": request("/v1/users", f"X-Request-Id: {secret}"),
        "an address": request("/v1/users", f"X-Forwarded-For: {secret}", f"Forwarded: for={secret}"),
        "a host": request("/v1/users", f"X-Forwarded-Host: {secret}", f"Origin: http://{secret}"),
        "an upgrade": request("/v1/users", f"Upgrade: {secret}", "Connection: upgrade"),
        "a cookie": request("/v1/users", f"Cookie: session={secret}"),
        "a body": request("/v1/api-keys", bearer, method="POST", body=f'{{"name": "{secret}"}}'),
        "a name in a body": request("/v1/verify", bearer, method="POST", body=f'{{"{secret}": 1}}'),
        "a body that is no JSON": request("/v1/verify", bearer, method="POST", body=secret),
        "a media type": request("/v1/api-keys", f"Content-Type: {secret}", method="POST", body="{}"),
        "a body for nobody": request(f"/{secret}", method="PUT", body=secret),
    }


def malformed(secret: str) -> dict[str, bytes]:
    """Return what a strict HTTP parser does not take, with ``secret`` in it."""
    return {
        "the host of an absolute target": request(f"http://{secret}.example:{secret}/"),
        "a method": request("/v1/users", method=secret),
        "no target": f"GET {secret}\r\n\r\n".encode(),
        "a target that is none": f"GET {secret} HTTP/1.1\r\nHost: x\r\n\r\n".encode(),
        "another protocol": f"GET /v1/users {secret}/1.1\r\n\r\n".encode(),
        "a version": f"GET /v1/users HTTP/{secret}\r\n\r\n".encode(),
        "a header without a colon": request("/v1/users", secret),
        "a control character": request("/v1/users", f"X: {secret}\x00\x0b"),
        "a length that is none": request("/v1/users", f"Content-Length: {secret}"),
        "two lengths": request("/v1/users", "Content-Length: 1", f"Content-Length: {secret}"),
        "a chunk": request("/v1/users", "Transfer-Encoding: chunked", body=f"{secret}\r\n"),
        "a coding": request("/v1/users", f"Transfer-Encoding: {secret}", body=secret),
        "a line alone": f"{secret}\r\n\r\n".encode(),
        "TLS where there is none": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc" + secret.encode(),
    }


@pytest.mark.parametrize("secret", [KEY, NEEDLE])
def test_nothing_that_a_request_holds_reaches_the_log_or_comes_back(server: ServerProcess, secret: str) -> None:
    assert leaked(KEY)
    requests = places(secret)
    before = len(server.entries_of("request"))
    for place, sent in requests.items():
        answer = exchange(server, sent)
        assert answer.startswith(b"HTTP/1.1 "), place
        if secret == KEY:
            assert secret.encode() not in answer, place
    entries = server.wait_for_requests(before + len(requests))[before:]
    assert len(entries) == len(requests)
    assert all(entry.keys() == ACCESS_FIELDS for entry in entries)
    assert secret not in server.log.text


@pytest.mark.parametrize("secret", [KEY, NEEDLE])
def test_nothing_of_what_is_no_request_reaches_the_log_or_comes_back(server: ServerProcess, secret: str) -> None:
    for place, sent in malformed(secret).items():
        answer = exchange(server, sent, is_all=True)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 4"), place
        assert secret.encode() not in answer, place
    assert server.client().get("/healthz").status_code == 200  # all of it is done with, in order
    assert secret not in server.log.text
    assert "Traceback" not in server.log.text


def test_a_line_tells_the_route_the_status_and_the_request_id_that_the_caller_got(
    server: ServerProcess, founded: dict[str, str]
) -> None:
    client = server.client(founded["api_key"])
    key_id = founded["api_key_id"]
    asked = [
        ("GET", "/v1/users", "/v1/users", 200),
        ("GET", f"/v1/api-keys/{key_id}?x=1", "/v1/api-keys/{", 400),
        ("POST", f"/v1/api-keys/{key_id}/rotate/", "/v1/api-keys/{", 201),
        ("GET", f"/v1/projects/{founded['project_id']}", "/v1/projects/{", 200),
        ("DELETE", "/v1/verify", "/v1/verify", 405),
        ("REPORT", "/v1/forward-auth/a/b?audience=urn:wayvo:management", "/v1/forward-auth", 200),
        ("GET", "/v1/nothing", "(no route)", 404),
        ("GET", "/docs/errors/not_found", "/docs/errors/{", 200),
        ("M-SEARCH", "/healthz", "(no route)", 405),
    ]
    before = len(server.entries_of("request"))
    answers = [client.request(method, path) for method, path, _, _ in asked]
    entries = server.wait_for_requests(before + len(asked))[before:]
    for entry, answer, (method, path, route, status) in zip(entries, answers, asked, strict=True):
        assert (entry["status"], answer.status_code) == (status, status), path
        assert entry["route"].startswith(route), path
        assert key_id not in entry["route"]
        assert entry["method"] == ("other" if method == "M-SEARCH" else method)
        assert entry["request_id"] == answer.headers["X-Request-Id"]
        assert (entry["peer"], entry["level"], entry["logger"]) == ("127.0.0.1", "info", "wayvo.access")
        assert 0 < entry["duration_ms"] < 60_000
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", entry["timestamp"])
    assert len({entry["request_id"] for entry in entries}) == len(asked)


@contextmanager
def table_gone(server: ServerProcess, table: str) -> Iterator[None]:
    """Take a table away from under the server: what an operator's slip in the database would do."""
    with closing(sqlite3.connect(server.data_dir / "wayvo.db", isolation_level=None)) as connection:
        connection.execute(f"ALTER TABLE {table} RENAME TO {table}_gone")
        try:
            yield
        finally:
            connection.execute(f"ALTER TABLE {table}_gone RENAME TO {table}")


def test_a_failure_is_answered_with_the_request_id_that_its_traceback_has_and_shows_no_values(
    server: ServerProcess, founded: dict[str, str]
) -> None:
    client = server.client(founded["api_key"])
    assert client.get("/v1/projects").status_code == 200
    with table_gone(server, "projects"):
        answers = [
            client.get("/v1/projects", params={"limit": 7}),
            client.post("/v1/projects", json={"name": NEEDLE, "description": KEY}),
        ]
    with table_gone(server, "api_keys"):
        headers = {"Authorization": f"Bearer {mint('wv', Mode.LIVE, bytes(range(1, 25)))}"}  # none that is cached
        query = {"audience": "urn:wayvo:management"}
        answers += [
            client.get(f"/v1/forward-auth/{NEEDLE}", params=query, headers=headers),
            client.post("/v1/verify", json={"credential": mint("wv", Mode.LIVE, bytes(24))}),
        ]
    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert "no such table" not in answer.text
        request_id = answer.headers["X-Request-Id"]
        assert answer.json()["request_id"] == request_id
        (failure,) = [e for e in server.entries_of("request failed") if e["request_id"] == request_id]
        assert failure["level"] == "error"
        assert failure["exception"].startswith("Traceback (most recent call last):")
        assert "no such table" in failure["exception"]
        (line,) = [e for e in server.entries_of("request") if e["request_id"] == request_id]
        assert (line["status"], line["route"]) == (500, failure["route"])
    assert NEEDLE not in server.log.text
    assert not leaked(server.log.text)
    assert client.get("/v1/projects").status_code == 200  # it goes on
    assert client.post("/v1/verify", json={"credential": mint("wv", Mode.LIVE, bytes(24))}).json()["code"] == "unknown"


def test_the_key_in_the_environment_of_a_server_is_not_logged(tmp_path: Path) -> None:
    variables = {"WAYVO_API_KEY": KEY, "WAYVO_SECRET_KEY": NEEDLE * 2, "WAYVO_LOG_LEVEL": "debug"}
    with ServerProcess(tmp_path, variables=variables) as server:
        assert server.client(KEY).get("/v1/users").status_code == 401
        assert server.stop() == 0
        assert KEY not in server.log.text
        assert NEEDLE not in server.log.text
