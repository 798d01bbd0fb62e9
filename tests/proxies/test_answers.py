"""What a client gets through each proxy: the upstream's answer, or the denial with its challenge."""

import hashlib
from collections.abc import Callable

import pytest

from tests.harness.proxy import Proxy
from tests.harness.server import RunningServer
from tests.proxies.running import Kind
from tests.proxies.visitor import Visitor, key_for_orders
from wayvo.core.credentials.format import Mode, mint

EMPTY = hashlib.sha256().hexdigest()
ASKED = "/v1/forward-auth?audience=https://orders.example.com&scopes=orders:read"

# Seven eighths of what nginx takes unless it is told otherwise.
BIG = bytes(range(256)) * 3_584


def revoked(wayvo: RunningServer) -> str:
    key = wayvo.create_key(access={"https://orders.example.com": ["orders:read"]})
    wayvo.client().post(f"/v1/api-keys/{key['id']}/revoke").raise_for_status()
    return str(key["api_key"])


DENIED: dict[str, tuple[int, Callable[[RunningServer], str | None]]] = {
    "missing": (401, lambda _: None),
    "malformed": (401, lambda _: "nonsense"),
    "unknown": (401, lambda _: mint("wv", Mode.LIVE, (2**201 + 1).to_bytes(32))),
    "revoked": (401, revoked),
    "of test mode": (401, lambda wayvo: key_for_orders(wayvo, mode="test")),
    "for another API": (401, lambda wayvo: str(wayvo.create_key(scopes=["users:read"])["api_key"])),
    "without the scope": (403, lambda wayvo: key_for_orders(wayvo, "orders:write")),
    "for another network": (403, lambda wayvo: key_for_orders(wayvo, allowed_networks=["198.51.100.0/24"])),
}


def test_who_may_pass_gets_the_upstreams_answer(visitor: Visitor, wayvo: RunningServer) -> None:
    answer, got = visitor.ask(key_for_orders(wayvo), "/orders/17?full=1&audience=x&x=%2Fa")
    assert (answer.status_code, answer.headers["X-Answered-By"]) == (200, "the upstream")
    assert answer.json() == "/orders/17?full=1&audience=x&x=%2Fa"
    assert got is not None
    assert (got.method, got.target) == ("GET", "/orders/17?full=1&audience=x&x=%2Fa")


@pytest.mark.parametrize("why", DENIED)
def test_a_denial_comes_with_wayvos_challenge_and_words(visitor: Visitor, wayvo: RunningServer, why: str) -> None:
    status, make = DENIED[why]
    credential = make(wayvo)
    answer, got = visitor.ask(credential)
    assert (answer.status_code, got) == (status, None)
    own = wayvo.client(credential).get(ASKED, headers={"X-Forwarded-For": "127.0.0.9"})
    assert own.status_code == status
    assert answer.headers.get_list("WWW-Authenticate") == own.headers.get_list("WWW-Authenticate")
    assert answer.headers["Content-Type"] == "application/problem+json"
    document = answer.json()
    assert document["status"] == status
    assert document["title"] in (own.json()["title"], own.json()["detail"])
    assert document["request_id"]


def test_a_denied_head_has_the_challenge_and_no_body(visitor: Visitor) -> None:
    answer, got = visitor.ask(None, method="HEAD")
    assert (answer.status_code, answer.content, got) == (401, b"", None)
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="wayvo"'


@pytest.mark.parametrize("status", [401, 403, 404, 500, 503])
def test_an_error_of_the_upstream_stays_its_own(visitor: Visitor, wayvo: RunningServer, status: int) -> None:
    answer, got = visitor.ask(key_for_orders(wayvo), headers=[("X-Answer", str(status))])
    assert got is not None
    assert (answer.status_code, answer.headers["X-Answered-By"]) == (status, "the upstream")
    assert answer.json() == got.target
    assert "WWW-Authenticate" not in answer.headers


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])
def test_every_method_passes_unharmed(visitor: Visitor, wayvo: RunningServer, method: str) -> None:
    answer, got = visitor.ask(key_for_orders(wayvo), method=method)
    assert got is not None
    assert (answer.status_code, got.method, got.body_sha256) == (200, method, EMPTY)
    assert (answer.content == b"") == (method == "HEAD")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("body", [b"{}", BIG], ids=["small", "big"])
@pytest.mark.parametrize("is_chunked", [False, True], ids=["of known length", "in chunks"])
def test_a_body_passes_unharmed_and_wayvo_never_sees_it(
    visitor: Visitor, wayvo: RunningServer, wire: Proxy, method: str, body: bytes, is_chunked: bool
) -> None:
    content = (body[start : start + 65_536] for start in range(0, len(body), 65_536)) if is_chunked else body
    headers = [("Content-Type", "text/plain; charset=x")]
    asked = len(wire.links_that_sent(b""))
    answer, got = visitor.ask(key_for_orders(wayvo), method=method, headers=headers, content=content)
    assert got is not None
    assert (answer.status_code, got.method, got.body_bytes) == (200, method, len(body))
    assert got.body_sha256 == hashlib.sha256(body).hexdigest()
    assert got.values("content-type") == ["text/plain; charset=x"]
    # One message, whose head is all there is.
    assert len(wire.links_that_sent(b"")) == asked + 1
    assert len(wire.links_that_sent(b"\r\n\r\n")) == len(wire.links_that_sent(b"HTTP/1.1\r\n"))
    assert wire.count(body) == 0 if body is BIG else wire.count(b"\r\n\r\n{}") == 0


@pytest.mark.parametrize("credential", [None, "nonsense"])
def test_a_denied_body_gets_the_denial(visitor: Visitor, credential: str | None) -> None:
    answer, got = visitor.ask(credential, method="POST", content=BIG)
    assert (answer.status_code, got) == (401, None)


def test_a_revoked_key_opens_nothing_from_that_moment_on(visitor: Visitor, wayvo: RunningServer) -> None:
    key = wayvo.create_key(access={"https://orders.example.com": ["orders:read"]})
    assert visitor.ask(key["api_key"])[0].status_code == 200
    wayvo.client().post(f"/v1/api-keys/{key['id']}/revoke").raise_for_status()
    answer, got = visitor.ask(key["api_key"])
    assert (answer.status_code, got) == (401, None)


@pytest.mark.parametrize(
    "target",
    [
        b"/",
        b"/_wayvo",
        b"/v1/forward-auth",
        b"/v1/verify?audience=https://orders.example.com",
        b"//orders",
        b"/orders/../_wayvo",
        b"/%2e%2e/_wayvo",
        b"/orders/%2e%2e%2f17",
        b"/orders?audience=urn:wayvo:management&scopes=&mode=test",
        b"/healthz",
        b"/favicon.ico",
        b"/.well-known/security.txt",
        b"http://elsewhere.example/orders",
        b"*",
    ],
)
@pytest.mark.parametrize("method", [b"GET", b"OPTIONS", b"CONNECT"])
def test_whatever_is_asked_for_nobody_passes_without_a_key(visitor: Visitor, method: bytes, target: bytes) -> None:
    before = len(visitor.upstream.got)
    received = visitor.send(method + b" " + target + b" HTTP/1.1\r\nHost: api.example\r\nConnection: close\r\n\r\n")
    assert len(visitor.upstream.got) == before
    # Go's own server answers this one, of itself.
    if target != b"*":
        assert int(received.split(b" ", 2)[1]) in (301, 307, 308, 400, 401, 404, 405, 501), received


def test_nobody_gets_to_hear_what_only_the_proxy_may_ask(visitor: Visitor, wayvo: RunningServer) -> None:
    answer, got = visitor.ask(key_for_orders(wayvo), "/_wayvo")
    assert answer.status_code == (404 if got is None else 200)
    assert "Wayvo-Scopes" not in answer.headers


@pytest.mark.parametrize("scheme", ["Basic", "bearer", "BEARER  "])
def test_only_a_bearer_passes_however_it_is_written(visitor: Visitor, wayvo: RunningServer, scheme: str) -> None:
    key = key_for_orders(wayvo)
    answer, got = visitor.ask(None, headers=[("AUTHORIZATION", f"{scheme} {key}")])
    assert (answer.status_code == 200) == (got is not None) == (scheme != "Basic")


def test_two_credentials_are_none(visitor: Visitor, wayvo: RunningServer) -> None:
    for second in ("nonsense", key_for_orders(wayvo)):
        answer, got = visitor.ask(key_for_orders(wayvo), headers=[("Authorization", f"Bearer {second}")])
        # nginx itself refuses a header that there may be but one of.
        assert answer.status_code in (400, 401)
        assert got is None


@pytest.mark.parametrize("cookies", [1, 3])
def test_cookies_are_not_wayvos_business(visitor: Visitor, wayvo: RunningServer, wire: Proxy, cookies: int) -> None:
    headers = [("Cookie", f"session{number}={'c' * 3_900}") for number in range(cookies)]
    answer, got = visitor.ask(key_for_orders(wayvo), headers=headers)
    assert answer.status_code == 200
    assert got is not None
    assert sum(value.count("c" * 3_900) for value in got.values("cookie")) == cookies
    assert wire.count(b"c" * 100) == 0


def test_the_proxy_keeps_its_connection_to_wayvo(visitor: Visitor, wayvo: RunningServer, wire: Proxy) -> None:
    key = key_for_orders(wayvo)
    before = len(wire.links_that_sent(b"/v1/forward-auth"))
    statuses = [visitor.ask(credential)[0].status_code for credential in (key, None) * 10]
    assert statuses == [200, 401] * 10
    used = wire.links_that_sent(b"/v1/forward-auth")[before:]
    assert len(used) == 20
    assert len({id(link) for link in used}) <= 2


def test_a_request_has_one_id_in_every_log_and_not_of_the_clients_choosing(
    visitor: Visitor, wayvo: RunningServer, wire: Proxy, kind: Kind
) -> None:
    chosen = "chosen_by_the_client"
    _, got = visitor.ask(key_for_orders(wayvo), headers=[("X-Request-Id", chosen)])
    assert got is not None
    assert wire.count(chosen.encode()) == 0
    # Traefik makes none: there Wayvo makes its own, and the client's reaches the upstream.
    if kind.name != "traefik":
        (request_id,) = got.values("x-request-id")
        assert request_id != chosen
        assert wire.count(request_id.encode()) == 1
        denial, _ = visitor.ask(None, headers=[("X-Request-Id", chosen)])
        assert wire.count(denial.json()["request_id"].encode()) == 1
