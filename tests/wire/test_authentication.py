"""Who calls: the management API judges like the other doors, and no door takes a broken ``Authorization``."""

import itertools
from collections.abc import Callable, Iterator

import pytest

from tests.wire.doors import ANYWHERE, IDENTITY, Asked, Doors, exchange, presented, problem
from wayvo.core.credentials.format import Mode, mint

numbers = itertools.count(1)


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    """A server."""
    opened = Doors(tmp_path_factory.mktemp("server"))
    with opened.server:
        opened.open()
        yield opened


def made_up() -> str:
    return mint("wv", Mode.LIVE, (2**202 + next(numbers)).to_bytes(32))


def revoked(doors: Doors) -> str:
    key = doors.create_key(scopes=["users:read"])
    doors.operator.post(f"/v1/api-keys/{key['id']}/revoke").raise_for_status()
    return str(key["api_key"])


def expired(doors: Doors) -> str:
    key = doors.create_key(scopes=["users:read"], expires_at=doors.server.clock.at(60))
    doors.server.clock.turn(60)
    return str(key["api_key"])


DENIED: dict[str, tuple[int, str, Callable[[Doors], str | None]]] = {
    "missing_credential": (401, "", lambda _: None),
    "malformed": (401, "invalid_token", lambda _: "wv_live_nothing"),
    "unknown": (401, "invalid_token", lambda _: made_up()),
    "revoked": (401, "invalid_token", revoked),
    "expired": (401, "invalid_token", expired),
    "wrong_mode": (401, "invalid_token", lambda doors: doors.create_key(scopes=["*"], mode="test")["api_key"]),
    "wrong_audience": (401, "invalid_token", lambda doors: doors.create_key()["api_key"]),
    "network_denied": (
        403,
        "invalid_token",
        lambda doors: doors.create_key(scopes=["*"], allowed_networks=["198.51.100.0/24"])["api_key"],
    ),
    "insufficient_scope": (
        403,
        "insufficient_scope",
        lambda doors: doors.create_key(scopes=["projects:read"])["api_key"],
    ),
}


@pytest.mark.parametrize("code", DENIED)
def test_a_denial_says_why_and_challenges(doors: Doors, code: str) -> None:
    status, error, make = DENIED[code]
    credential = make(doors)
    headers = {} if credential is None else presented(Asked(credential))
    answer = doors.nobody.get("/v1/users", headers=headers)
    assert (answer.status_code, problem(answer)["code"]) == (status, code)
    challenge = answer.headers["WWW-Authenticate"]
    assert challenge.startswith('Bearer realm="wayvo"')
    # RFC 6750 §3.1: no error code for a request that lacks any authentication information.
    assert (f'error="{error}"' in challenge) if error else ("error" not in challenge)


def test_what_is_not_allowed_is_said_before_what_is_wrong_with_the_request(doors: Doors) -> None:
    answer = doors.nobody.post("/v1/projects", content=b"{", headers=presented(Asked(made_up())))
    assert (answer.status_code, problem(answer)["code"]) == (401, "unknown")


def test_a_key_bound_to_networks_is_judged_by_the_address_that_a_trusted_proxy_names(doors: Doors) -> None:
    key = doors.create_key(scopes=["users:read"], allowed_networks=["198.51.100.0/24"])["api_key"]
    assert doors.by_call(Asked(key, address="198.51.100.7")) == "valid"
    assert doors.by_call(Asked(key, address=f"198.51.100.7, {ANYWHERE}")) == "network_denied"


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/openapi.json", "/docs", "/docs/errors/unknown"])
def test_what_everybody_may_see_needs_no_credential_and_asks_for_none(doors: Doors, path: str) -> None:
    assert doors.nobody.get(path).status_code == 200
    assert doors.nobody.get(path, headers={"Authorization": "Basic nonsense"}).status_code == 200


# Broken values, through every door

DOORS = {
    "post verify": b"POST /v1/verify",
    "get verify": b"GET /v1/verify",
    "forward-auth": b"GET /v1/forward-auth",
    "forward-auth below": b"POST /v1/forward-auth/orders",
    "management": b"GET /v1/whoami",
    "management with a body": b"POST /v1/projects",
}

Broken = Callable[[bytes], list[bytes]]

BROKEN: dict[str, tuple[str, Broken]] = {
    "no header": ("missing_credential", lambda _: []),
    "an empty one": ("missing_credential", lambda _: [b""]),
    "another scheme": ("missing_credential", lambda key: [b"Basic " + key]),
    "no scheme": ("missing_credential", lambda key: [key]),
    "a scheme that begins alike": ("missing_credential", lambda key: [b"Bearerer " + key]),
    "no credential": ("malformed", lambda _: [b"Bearer"]),
    "a credential of spaces": ("malformed", lambda _: [b"Bearer    "]),
    "two credentials": ("malformed", lambda key: [b"Bearer " + key + b" " + key]),
    "two credentials with a comma": ("malformed", lambda key: [b"Bearer " + key + b"," + key]),
    "a credential in quotes": ("malformed", lambda key: [b'Bearer "' + key + b'"']),
    "a scheme twice": ("malformed", lambda key: [b"Bearer Bearer " + key]),
    "a tab within": ("malformed", lambda key: [b"Bearer " + key[:20] + b"\t" + key[20:]]),
    "bytes outside ASCII": ("malformed", lambda key: [b"Bearer " + key[:-1] + b"\xff"]),
    "UTF-8": ("malformed", lambda key: [b"Bearer " + key[:-1] + "é".encode()]),
    "bytes outside ASCII alone": ("missing_credential", lambda _: [b"\xff\xfe"]),
    "a very long one": ("malformed", lambda key: [b"Bearer " + key * 100]),
    "the same header twice": ("malformed", lambda key: [b"Bearer " + key] * 2),
    "a good header and an empty one": ("malformed", lambda key: [b"Bearer " + key, b""]),
    "a made-up header before a good one": ("malformed", lambda key: [b"Bearer wv_live_x", b"Bearer " + key]),
}


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS.keys())
@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_authorization_is_refused_by_every_door(doors: Doors, door: bytes, broken: str) -> None:
    code, make = BROKEN[broken]
    lines = [b"Authorization: " + value for value in make(doors.server.key.encode())]
    body = b"Content-Length: 2\r\n\r\n{}" if door.startswith(b"POST") else b"\r\n"
    answer = exchange(doors.server.url, b"\r\n".join([door + b" HTTP/1.1", b"Host: a", *lines, body]))
    assert (answer.status_code, problem(answer)["code"]) == (401, code)
    challenge = answer.headers["WWW-Authenticate"]
    assert challenge.startswith('Bearer realm="wayvo"')
    assert ("error=" in challenge) == (code == "malformed")
    assert doors.server.key not in answer.text
    if b"forward-auth" in door:
        assert [answer.headers[name] for name in IDENTITY] == [""] * len(IDENTITY)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
@pytest.mark.parametrize("space", [" ", "    "])
def test_the_scheme_is_known_in_any_case_and_with_any_spaces(doors: Doors, scheme: str, space: str) -> None:
    # RFC 9110 §11.1: the scheme is case-insensitive; §11.4: one or more spaces.
    authorization = f"Authorization: {scheme}{space}{doors.server.key}  "
    for path in ("/v1/whoami", "/v1/forward-auth"):
        request = f"GET {path} HTTP/1.1\r\nHost: a\r\n{authorization}\r\n\r\n"
        assert exchange(doors.server.url, request.encode()).status_code == 200


@pytest.mark.parametrize(
    "line", [b"Authorization : Bearer x", b"Authorization: a\0b", b"Authoriz\xffation: x", b"\xff: x"]
)
def test_what_is_no_header_is_refused(doors: Doors, line: bytes) -> None:
    answer = exchange(doors.server.url, b"GET /v1/whoami HTTP/1.1\r\nHost: a\r\n" + line + b"\r\n\r\n")
    assert 400 <= answer.status_code < 500


def test_a_credential_in_the_query_is_none(doors: Doors) -> None:
    # RFC 6750 §2.3 allows it and advises against it: URLs are logged.
    for path in ("/v1/whoami", "/v1/forward-auth", "/v1/verify"):
        answer = doors.nobody.get(path, params={"access_token": doors.server.key})
        assert (answer.status_code, problem(answer)["code"]) == (401, "missing_credential")
        assert doors.server.key not in answer.text
