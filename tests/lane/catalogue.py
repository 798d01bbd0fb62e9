"""Every kind of request that the machine doors can meet, as bytes, by name. None of them changes anything."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

from tests.harness.membership import Membership
from tests.harness.neighbour import move_in
from tests.wire.doors import Doors
from wayvo.core.credentials.format import Mode, mint

INVOICES, ORDERS, PATHS = "https://invoices.example", "https://orders.example", "https://paths.example"
READER: Final[dict[str, Any]] = {"access": {INVOICES: ["invoices:read"]}}
AUTH: Final = f"/v1/forward-auth?audience={INVOICES}&scopes=invoices:read"
IDENTITY: Final = "Wayvo-Organization-Id: somebody\r\nWayvo-Scopes: *"


def raw(head: str, *lines: str, body: bytes | None = None, version: str = "1.1") -> bytes:
    """Return a request; ``body`` is announced."""
    length = [] if body is None else [f"Content-Length: {len(body)}"]
    text = "\r\n".join([f"{head} HTTP/{version}", "Host: a", *lines, *length, "", ""])
    return text.encode("latin-1") + (body or b"")


def bearer(credential: str) -> str:
    """Return the header that presents a credential."""
    return f"Authorization: Bearer {credential}"


def chunked(body: bytes, *sizes: int, trailers: bytes = b"", extension: bytes = b"") -> bytes:
    """Return a body in chunks."""
    chunks, start = b"", 0
    for size in (*sizes, len(body)):
        chunk = body[start : start + size]
        start += len(chunk)
        if chunk:
            chunks += b"%x%b\r\n%b\r\n" % (len(chunk), extension, chunk)
    return chunks + b"0\r\n" + trailers + b"\r\n"


class Keys:
    """A credential for each verdict, and keys that ask."""

    def __init__(self, doors: Doors) -> None:
        doors.create_api(INVOICES, "invoices:read", "invoices:write", visibility="installation")
        doors.create_api(ORDERS, "orders:read")
        paths = doors.create_api(PATHS, "paths:read")
        operations = [{"methods": ["GET"], "path": "/v1/{name}/**", "scopes": ["paths:read"]}]
        doors.operator.patch(f"/v1/apis/{paths}", json={"operations": operations}).raise_for_status()

        def key(**fields: Any) -> str:
            return str(doors.create_key(**fields)["api_key"])

        self.operator = doors.server.key
        self.asker = key(
            access={INVOICES: ["credentials:verify"], ORDERS: ["credentials:verify"], PATHS: ["credentials:verify"]}
        )
        self.bound_asker = key(access={INVOICES: ["credentials:verify"]}, allowed_networks=["192.0.2.0/24"])
        self.valid = key(**READER)
        self.everything = key(access={INVOICES: ["*"], ORDERS: ["orders:*"]}, expires_at=doors.server.clock.at(9e6))
        self.test = key(**READER, mode="test")
        self.paths = key(access={PATHS: ["paths:*"]})
        self.own = key(scopes=["users:read"])
        self.bound = key(**READER, allowed_networks=["198.51.100.0/24"])
        revoked = doors.create_key(**READER)
        doors.operator.post(f"/v1/api-keys/{revoked['id']}/revoke").raise_for_status()
        membership = Membership(doors.server)
        owner, viewer, left = (membership.add_user("owner") for _ in range(3))
        self.of_user = key(**READER, user_id=owner)
        demoted, ended = key(**READER, user_id=viewer), key(**READER, user_id=left)
        membership.set_role(viewer, "viewer")
        membership.remove(left)
        disabled = move_in(doors.server, {INVOICES: ("invoices:read",)})
        Membership(doors.server, disabled.organization_id).disable()
        expired = key(**READER, expires_at=doors.server.clock.at(60))
        doors.server.clock.turn(60)
        self.by_verdict: Mapping[str, str] = {
            "valid": self.valid,
            "malformed": self.valid[:-1] + "!",
            "unknown": mint("wv", Mode.LIVE, (2**197).to_bytes(32)),
            "revoked": revoked["api_key"],
            "valid, of a user": self.of_user,
            "wrong_audience, of a demoted user": demoted,
            "revoked, of a user who left": ended,
            "organization_disabled": disabled.secret,
            "expired": expired,
            "wrong_mode": self.test,
            "wrong_audience": key(access={ORDERS: ["*"]}),
            "network_denied": self.bound,
            "insufficient_scope": key(access={INVOICES: ["invoices:write"]}),
        }


BAD_BODIES: Final[Mapping[str, bytes]] = {
    "empty": b"",
    "half": b'{"credential": "x"',
    "list": b"[]",
    "null": b"null",
    "text": b"credential=x",
    "nothing in it": b"{}",
    "a key twice": b'{"credential": "x", "credential": "y"}',
    "an unknown field": b'{"credential": "x", "cost": 1}',
    "a number": b'{"credential": 1e22}',
    "NUL": b'{"credential": "a\\u0000b"}',
    "lone surrogate": b'{"credential": "\\ud800"}',
    "not UTF-8": b'{"credential": "\xff"}',
    "BOM": b'\xef\xbb\xbf{"credential": "x"}',
    "deep": b"[" * 5000 + b"]" * 5000,
    "scopes": b'{"credential": "x", "scopes": ["A"]}',
    "too many scopes": b'{"credential": "x", "scopes": ' + json.dumps(["a:b"] * 51).encode() + b"}",
    "mode": b'{"credential": "x", "mode": "prod"}',
    "ip": b'{"credential": "x", "ip": "localhost"}',
    "audience": b'{"credential": "x", "audience": ""}',
    "an operation twice": b'{"credential": "x", "operation": {"method": "GET", "path": "/", "path": "/a"}}',
    "half an operation": b'{"credential": "x", "operation": {"method": "GET"}}',
    "an operation and scopes": b'{"credential": "x", "scopes": ["a:b"], "operation": {"method": "A", "path": "/"}}',
    "too long": b'{"credential": "x"}'.ljust(16_385),
}
BAD_QUERIES: Final = ("mode=prod", "mode=live&mode=live", "cost=1", "audience=%ff", "scopes=A", "&".join(["a=b"] * 100))
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "REPORT", "M-SEARCH")


def requests(keys: Keys) -> dict[str, bytes]:
    """Return all of them."""
    found = [*_verify(keys), *_verify_bodies(keys), *_verify_by_get(keys), *_askers(keys), *_forward_auth(keys)]
    found += _operations(keys)
    found += [*_targets(keys), *_headers(keys), *_connections(keys), *_management(keys)]
    assert len(found) == len(dict(found)), "two requests have one name"
    return dict(found)


def question(credential: str, **fields: Any) -> bytes:
    """Return the body of a question."""
    return json.dumps({"credential": credential, "audience": INVOICES, "scopes": ["invoices:read"], **fields}).encode()


def _verify(keys: Keys) -> Iterator[tuple[str, bytes]]:
    asker = bearer(keys.asker)
    for code, credential in keys.by_verdict.items():
        body = question(credential, ip="203.0.113.200")
        yield f"verify, {code}", raw("POST /v1/verify", asker, body=body)
        query = f"audience={INVOICES}&scopes=invoices:read&ip=203.0.113.200"
        yield f"verify by GET, {code}", raw(f"GET /v1/verify?{query}", asker, f"Wayvo-Credential: {credential}")
        fresh = raw("POST /v1/verify", asker, "Cache-Control: no-cache", body=body)
        yield f"verify without the cache, {code}", fresh
    yield "verify, everything", raw("POST /v1/verify", asker, body=question(keys.everything))
    yield "verify, test mode", raw("POST /v1/verify", asker, body=question(keys.test, mode="test"))
    yield "verify, in its network", raw("POST /v1/verify", asker, body=question(keys.bound, ip="198.51.100.7"))
    yield "verify, own API", raw("POST /v1/verify", bearer(keys.operator), body=b'{"credential": "x"}')
    yield "verify, no authority", raw("POST /v1/verify", bearer(keys.own), body=question(keys.valid))
    for method in METHODS:
        if method not in ("GET", "POST"):
            yield f"verify, {method}", raw(f"{method} /v1/verify", asker, body=b"")


def _verify_bodies(keys: Keys) -> Iterator[tuple[str, bytes]]:
    asker, coding = bearer(keys.asker), "Transfer-Encoding: chunked"
    for name, body in BAD_BODIES.items():
        yield f"verify, body {name}", raw("POST /v1/verify", asker, body=body)
        yield f"verify, chunked body {name}", raw("POST /v1/verify", asker, coding) + chunked(body, 1, 2, 3)
    body = question(keys.valid)
    yield "verify, no body announced", raw("POST /v1/verify", asker)
    yield "verify, longest body", raw("POST /v1/verify", asker, body=body.ljust(16_384))
    yield "verify, a query beside the body", raw("POST /v1/verify?mode=live", asker, body=body)
    yield "verify by GET with a body", raw("GET /v1/verify", asker, "Wayvo-Credential: x", body=body)
    yield "verify, chunked", raw("POST /v1/verify", asker, coding) + chunked(body, 5, 7)
    extended = chunked(body, 5, extension=b';a="b"')
    yield "verify, chunk extensions", raw("POST /v1/verify", asker, coding) + extended
    trailers = b"Authorization: Bearer x\r\nX-Trailer: y\r\n"
    yield "verify, trailers", raw("POST /v1/verify", asker, coding) + chunked(body, 9, trailers=trailers)
    yield (
        "verify, trailers of a stranger",
        raw("POST /v1/verify", coding) + chunked(body, trailers=f"{asker}\r\n".encode()),
    )
    yield "verify, expected", raw("POST /v1/verify", asker, "Expect: 100-continue", body=body)
    yield "verify, expected, too long", raw("POST /v1/verify", asker, "Expect: 100-continue", "Content-Length: 99999")
    yield "verify, expected in chunks", raw("POST /v1/verify", asker, "expect: 100-Continue", coding) + chunked(body)
    yield "verify, an expectation of something else", raw("POST /v1/verify", asker, "Expect: tea", body=body)


def _verify_by_get(keys: Keys) -> Iterator[tuple[str, bytes]]:
    asker = bearer(keys.asker)
    for query in BAD_QUERIES:
        yield f"verify by GET, {query[:30]}", raw(f"GET /v1/verify?{query}", asker, "Wayvo-Credential: x")
    about = f"GET /v1/verify?audience={INVOICES}"
    yield "verify by GET, no credential", raw(about, asker)
    yield "verify by GET, empty credential", raw(about, asker, "Wayvo-Credential:")
    yield "verify by GET, two credentials", raw(about, asker, "Wayvo-Credential: x", "wayvo-credential: x")
    yield "verify by GET, bytes", raw(about, asker, "Wayvo-Credential: \xff\xfe\x80")
    yield "verify by GET, long", raw(about, asker, "Wayvo-Credential: " + "x" * 4000)


def _askers(keys: Keys) -> Iterator[tuple[str, bytes]]:
    body = question(keys.valid)
    yield "verify, nobody asks", raw("POST /v1/verify", body=body)
    for code, credential in keys.by_verdict.items():
        yield f"verify, asked by {code}", raw("POST /v1/verify", bearer(credential), body=body)
    lines = {
        "Basic": "Authorization: Basic eDp5",
        "lower case": f"authorization: bearer {keys.asker}",
        "two": f"{bearer(keys.asker)}\r\n{bearer(keys.asker)}",
        "empty": "Authorization:",
        "no token": "Authorization: Bearer",
        "spaces": f"Authorization:   Bearer   {keys.asker}  ",
        "bytes": "Authorization: Bearer \xe9\xff",
        "tab": f"Authorization:\tBearer {keys.asker}\t",
        "bound to another network": bearer(keys.bound_asker),
        "in its network": f"{bearer(keys.bound_asker)}\r\nX-Forwarded-For: 192.0.2.5",
        "behind another": f"{bearer(keys.bound_asker)}\r\nX-Forwarded-For: 192.0.2.5, 203.0.113.9",
    }
    for name, line in lines.items():
        yield f"verify, asker {name}", raw("POST /v1/verify", line, body=body)
        yield f"forward-auth, {name}", raw(f"GET {AUTH}", line.replace(keys.asker, keys.valid))


def _forward_auth(keys: Keys) -> Iterator[tuple[str, bytes]]:
    passed = bearer(keys.valid)
    for code, credential in keys.by_verdict.items():
        yield f"forward-auth, {code}", raw(f"GET {AUTH}", bearer(credential), IDENTITY)
        yield (
            f"forward-auth without the cache, {code}",
            raw(f"GET {AUTH}", bearer(credential), "Cache-Control: no-cache"),
        )
    yield "forward-auth, nobody", raw(f"GET {AUTH}", IDENTITY)
    yield "forward-auth, everything", raw(f"GET /v1/forward-auth?audience={ORDERS}", bearer(keys.everything))
    yield "forward-auth, test mode", raw(f"GET {AUTH}&mode=test", bearer(keys.test))
    for method in METHODS:
        yield f"forward-auth, {method}", raw(f"{method} {AUTH}", passed)
        yield f"forward-auth, {method} denied", raw(f"{method} {AUTH}")
    for query in BAD_QUERIES:
        yield f"forward-auth, {query[:30]}", raw(f"GET /v1/forward-auth?{query}", passed)
        yield f"forward-auth below, {query[:30]}", raw(f"GET /v1/forward-auth/x?{query}", bearer(keys.own))
    yield "forward-auth with a body", raw(f"POST {AUTH}", passed, body=b"x" * 3000)
    yield (
        "forward-auth with chunks",
        raw(f"PUT {AUTH}", passed, "Transfer-Encoding: chunked")
        + chunked(b"x" * 300, 7, trailers=b"Authorization: Bearer x\r\n"),
    )
    yield "forward-auth, denied with a body", raw(f"POST {AUTH}", body=b"x" * 3000)
    for address in ("198.51.100.7", "198.51.101.7", "198.51.100.7, 10.0.0.9", "198.51.100.7, x", "", "\xff"):
        forwarded = f"X-Forwarded-For: {address}"
        yield f"forward-auth from {address!r}", raw(f"GET {AUTH}", bearer(keys.bound), forwarded)
    several = ("X-Forwarded-For: 203.0.113.9", "X-Forwarded-For: 198.51.100.7", "X-Forwarded-For: 10.0.0.1")
    yield "forward-auth, several hops", raw(f"GET {AUTH}", bearer(keys.bound), *several)


PATHS_ASKED: Final = ("/v1/a/b", "/v1/a/b?c", "/v1//b", "/v1/a/%62", "/v1/a/%2e", "/v1/a/\xe9", "v1", "/v2", "")


def _operations(keys: Keys) -> Iterator[tuple[str, bytes]]:
    asker, head = bearer(keys.asker), f"GET /v1/forward-auth?audience={PATHS}"
    for path in PATHS_ASKED:
        asked = {"audience": PATHS, "scopes": [], "operation": {"method": "GET", "path": path}}
        yield f"verify, path {path!r}", raw("POST /v1/verify", asker, body=question(keys.paths, **asked))
        query = f"audience={PATHS}&method=GET&path={quote(path)}"
        yield f"verify by GET, path {path!r}", raw(f"GET /v1/verify?{query}", asker, f"Wayvo-Credential: {keys.paths}")
        told = ("X-Forwarded-Method: GET", f"X-Forwarded-Uri: {path}")
        yield f"forward-auth, path {path!r}", raw(head, bearer(keys.paths), *told)
        other = "X-Original-URI: /v1/a/b"
        yield f"forward-auth, path {path!r} and another", raw(head, bearer(keys.paths), *told, other)
    yield "forward-auth, no path", raw(head, bearer(keys.paths))


TARGETS: Final = (
    "/v1/forward-auth",
    "/v1/forward-auth?",
    "/v1/forward-auth/",
    "/v1/forward-auth//etc?a=b",
    "/v1/forward-auth/orders/17",
    "/v1/forward-auth/%2e%2e/v1/users",
    "/v1/forward-auth/../users",
    "/v1/forward-auth/a;b=c",
    "/v1/forward-auth/%ff",
    "/v1/forward-auth/%00",
    "/v1/forward-auth/\xe9",
    "/v1/forward-auth?a=\xff",
    "/v1/forward-auth#fragment",
    "/v1/forward-auth/?audience=x#fragment",
    "/v1/forward%2dauth",
    "/v1/forward-authx",
    "/V1/forward-auth",
    "//v1/forward-auth",
    "/v1/%76erify",
    "/v1/verify/",
    "/v1/verify?",
    "/v1/verify#fragment",
    "/v1/verify%3f",
    "http://a/v1/forward-auth",
    "http://a/v1/verify",
    "HTTP://b:80/v1/forward-auth/x?mode=test",
    "http://a",
    "*",
    "/",
    "/v1/forward-auth/" + "x" * 8000,
)


def _targets(keys: Keys) -> Iterator[tuple[str, bytes]]:
    for target in TARGETS:
        yield f"target {target[:60]}", raw(f"GET {target}", bearer(keys.own), "Wayvo-Credential: x")
    yield "target of OPTIONS", raw("OPTIONS *", bearer(keys.own))
    yield "CONNECT", raw("CONNECT a:443", bearer(keys.own))


def _headers(keys: Keys) -> Iterator[tuple[str, bytes]]:
    passed = bearer(keys.valid)
    for given in (
        "from-the-proxy_1",
        "short",
        "x" * 65,
        "with space in it",
        "\xff" * 9,
        "two-of-them\r\nX-Request-Id: x",
    ):
        for name, head in (("verify", "POST /v1/verify"), ("forward-auth", f"POST {AUTH}")):
            line = f"X-Request-Id: {given}"
            yield f"{name}, id {given[:20]!r}", raw(head, bearer(keys.asker), line, body=question(keys.valid))
            yield f"{name} denied, id {given[:20]!r}", raw(head, line, body=b"")
    yield "no host", f"GET {AUTH} HTTP/1.1\r\n{passed}\r\n\r\n".encode()
    yield "two hosts", raw(f"GET {AUTH}", passed, "Host: b")
    yield "empty values", raw(f"GET {AUTH}", "X-A:", "X-B: ", passed, "X-C:", "X-D:\t")
    yield "many headers", raw(f"GET {AUTH}", passed, *(f"X-{number}: {number}" for number in range(900)))
    yield "a long header", raw(f"GET {AUTH}", passed, "X-Long: " + "x" * 15_000)
    yield "empty lines before", b"\r\n\r\n" + raw(f"GET {AUTH}", passed)
    yield (
        "empty lines before a question",
        b"\r\n" + raw("POST /v1/verify", bearer(keys.asker), body=question(keys.valid)),
    )


def _connections(keys: Keys) -> Iterator[tuple[str, bytes]]:
    heads = {
        "forward-auth": (f"GET {AUTH}", bearer(keys.valid), None),
        "forward-auth denied": (f"GET {AUTH}", "X: y", None),
        "forward-auth with a body": (f"POST {AUTH}", bearer(keys.valid), b"body"),
        "verify": ("POST /v1/verify", bearer(keys.asker), question(keys.valid)),
        "verify by HEAD": ("HEAD /v1/verify", bearer(keys.asker), None),
        "whoami": ("GET /v1/whoami", bearer(keys.own), None),
    }
    wishes = ("close", "Close", "keep-alive", "close, te", "te, close", "upgrade", "nonsense")
    for name, (head, credential, body) in heads.items():
        for wish in wishes:
            line = f"Connection: {wish}"
            yield f"{name}, connection {wish}", raw(head, credential, line, body=body)
        for version in ("1.0", "0.9", "2.0"):
            yield f"{name}, HTTP/{version}", raw(head, credential, body=body, version=version)
        kept = raw(head, credential, "Connection: keep-alive", body=body, version="1.0")
        yield f"{name}, HTTP/1.0 kept alive", kept
        expected = raw(head, credential, "Expect: 100-continue", body=body, version="1.0")
        yield f"{name}, HTTP/1.0 expecting", expected
        yield f"{name}, expecting", raw(head, credential, "Expect: 100-continue", body=body)
        for protocol in ("websocket", "h2c"):
            lines = (f"Upgrade: {protocol}", "Connection: Upgrade, HTTP2-Settings", "Sec-WebSocket-Key: eA==")
            yield f"{name}, upgrade to {protocol}", raw(head, credential, *lines, body=body)
        yield f"{name}, upgrade beside", raw(head, credential, "Upgrade: h2c", body=body)


def _management(keys: Keys) -> Iterator[tuple[str, bytes]]:
    own = bearer(keys.own)
    yield "whoami", raw("GET /v1/whoami", own)
    yield "whoami of nobody", raw("GET /v1/whoami")
    yield "users", raw("GET /v1/users?limit=1", own)
    yield "healthz", raw("GET /healthz")
    yield "healthz by HEAD", raw("HEAD /healthz")
    yield "nothing here", raw("GET /v1/nothing", own)
    yield "no such method", raw("DELETE /v1/users", own)
    yield "options", raw("OPTIONS /v1/users", own)
    yield "projects, not allowed", raw("POST /v1/projects", own, body=b'{"name": "x"}')
    yield "projects, nobody", raw("POST /v1/projects", body=b'{"name": "x"}')
    yield "projects, broken", raw("POST /v1/projects", bearer(keys.operator), body=b'{"name": ')
    yield "projects, in chunks", raw("POST /v1/projects", own, "Transfer-Encoding: chunked") + chunked(b"{}", 1)
