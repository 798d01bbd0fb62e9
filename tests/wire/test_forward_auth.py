"""``/v1/forward-auth``: a reverse proxy asks whether the request in its hands may pass."""

import itertools
import re
import socket
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.wire.doors import ANYWHERE, IDENTITY, Asked, Doors, denial, exchange, presented, problem
from wayvo.core.credentials.format import Mode, mint

INVOICES, ORDERS = "https://invoices.example", "https://orders.example"
READER: dict[str, Any] = {"access": {INVOICES: ["invoices:read"]}}
WANTED = f"/v1/forward-auth?audience={INVOICES}&scopes=invoices:read"

numbers = itertools.count(1)


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    """A server with two APIs."""
    opened = Doors(tmp_path_factory.mktemp("server"))
    with opened.server:
        opened.open()
        opened.create_api(INVOICES, "invoices:read", "invoices:write")
        opened.create_api(ORDERS, "orders:read")
        yield opened


def identity(answer: httpx.Response) -> dict[str, str]:
    """Return the identity headers, each of which has to stand there once."""
    found = {}
    for name in IDENTITY:
        values = answer.headers.get_list(name)
        assert len(values) == 1, f"{name} stands {len(values)} times in a {answer.status_code}"
        found[name] = values[0]
    return found


NOBODY = dict.fromkeys(IDENTITY, "")


def ask(doors: Doors, credential: str | None, path: str = WANTED, address: str = ANYWHERE) -> httpx.Response:
    headers = {} if credential is None else presented(Asked(credential, address=address))
    return doors.nobody.get(path, headers=headers)


def made_up() -> str:
    return mint("wv", Mode.LIVE, (2**201 + next(numbers)).to_bytes(32))


def revoked(doors: Doors) -> str:
    key = doors.create_key(**READER)
    doors.operator.post(f"/v1/api-keys/{key['id']}/revoke").raise_for_status()
    return str(key["api_key"])


def expired(doors: Doors) -> str:
    key = doors.create_key(**READER, expires_at=doors.server.clock.at(60))
    doors.server.clock.turn(60)
    return str(key["api_key"])


DENIED: dict[str, tuple[int, str, Callable[[Doors], str | None]]] = {
    "missing_credential": (401, "", lambda _: None),
    "malformed": (401, "invalid_token", lambda _: "wv_live_nothing"),
    "unknown": (401, "invalid_token", lambda _: made_up()),
    "revoked": (401, "invalid_token", revoked),
    "expired": (401, "invalid_token", expired),
    "wrong_mode": (401, "invalid_token", lambda doors: doors.create_key(**READER, mode="test")["api_key"]),
    "wrong_audience": (401, "invalid_token", lambda doors: doors.create_key(access={ORDERS: ["*"]})["api_key"]),
    "network_denied": (
        403,
        "invalid_token",
        lambda doors: doors.create_key(**READER, allowed_networks=["198.51.100.0/24"])["api_key"],
    ),
    "insufficient_scope": (
        403,
        "insufficient_scope",
        lambda doors: doors.create_key(access={INVOICES: ["invoices:write"]})["api_key"],
    ),
}


def test_who_may_pass_passes_with_the_identity_of_the_caller(doors: Doors) -> None:
    key = doors.create_key(access={INVOICES: ["invoices:*"], ORDERS: ["orders:read"]})
    answer = ask(doors, key["api_key"])
    assert (answer.status_code, answer.content) == (200, b"")
    assert identity(answer) == {
        "Wayvo-Organization-Id": key["organization_id"],
        "Wayvo-Project-Id": key["project_id"],
        "Wayvo-Principal": f"service_account:{key['project_id']}",
        "Wayvo-Credential-Id": key["id"],
        "Wayvo-Mode": "live",
        "Wayvo-Scopes": "invoices:read invoices:write",
    }


@pytest.mark.parametrize("code", DENIED)
def test_a_denial_says_why_challenges_and_names_nobody(doors: Doors, code: str) -> None:
    status, error, make = DENIED[code]
    answer = ask(doors, make(doors))
    assert (answer.status_code, problem(answer)["code"]) == (status, code)
    challenge = answer.headers["WWW-Authenticate"]
    assert challenge.startswith('Bearer realm="wayvo"')
    # RFC 6750 §3.1: no error code for a request that lacks any authentication information.
    assert (f'error="{error}"' in challenge) if error else ("error" not in challenge)
    assert identity(answer) == NOBODY


def test_identity_that_the_client_makes_up_comes_back_empty(doors: Doors) -> None:
    answer = doors.nobody.get(WANTED, headers=dict.fromkeys(IDENTITY, "somebody"))
    assert identity(answer) == NOBODY


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "REPORT"])
def test_any_method_is_answered_alike(doors: Doors, method: str) -> None:
    key = doors.create_key(**READER)["api_key"]
    passed = doors.nobody.request(method, WANTED, headers=presented(Asked(key)))
    assert (passed.status_code, identity(passed)["Wayvo-Mode"]) == (200, "live")
    denied = doors.nobody.request(method, WANTED)
    assert denied.status_code == 401
    assert identity(denied) == NOBODY


@pytest.mark.parametrize("framing", [b"Content-Length: 10485760", b"Transfer-Encoding: chunked"])
def test_a_body_is_never_waited_for(doors: Doors, framing: bytes) -> None:
    key = doors.create_key(**READER)["api_key"].encode()
    request = b"POST " + WANTED.encode() + b" HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + key + b"\r\n" + framing
    assert exchange(doors.server.url, request + b"\r\n\r\n").status_code == 200


def test_a_body_of_ten_mebibytes_does_no_harm(doors: Doors) -> None:
    key = doors.create_key(**READER)["api_key"]
    for _ in range(2):
        answer = doors.nobody.post(WANTED, headers=presented(Asked(key)), content=bytes(10 * 2**20))
        assert answer.status_code == 200


# The query is the proxy's own; below the path it is the client's.


@pytest.mark.parametrize("suffix", ["/", "/orders/17", "//etc", "/%2e%2e/v1/users", "/a%20b", "/a;b=c", "/é"])
def test_whatever_path_is_appended_the_question_is_the_same(doors: Doors, suffix: str) -> None:
    key = doors.create_key(scopes=["users:read"])["api_key"]
    answer = ask(doors, key, f"/v1/forward-auth{suffix}")
    assert answer.status_code == 200
    assert identity(answer)["Wayvo-Scopes"] == "users:read"


@pytest.mark.parametrize(
    "query", ["mode=test", f"audience={INVOICES}", "scopes=nonsense", "unknown=1&unknown=2", "audience=%ff", "mode=no"]
)
def test_a_query_below_the_path_is_the_clients_and_counts_for_nothing(doors: Doors, query: str) -> None:
    key = doors.create_key(scopes=["users:read"])["api_key"]
    assert ask(doors, key, f"/v1/forward-auth/orders?{query}").status_code == 200
    # A test key of the client's own can't be made to count by asking for test mode.
    test_key = doors.create_key(scopes=["users:read"], mode="test")["api_key"]
    assert denial(ask(doors, test_key, f"/v1/forward-auth/orders?{query}")) == "wrong_mode"


@pytest.mark.parametrize(
    "path", ["/v1/forward-authx", "/v1/forward-auth.json", "/V1/forward-auth", "//v1/forward-auth"]
)
def test_a_path_beside_the_door_is_another(doors: Doors, path: str) -> None:
    parts = urlsplit(doors.server.url)
    request = f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {doors.server.key}\r\n\r\n"
    assert exchange(doors.server.url, request.encode()).status_code == 404


@pytest.mark.parametrize("scopes", ["invoices:read+invoices:write", "invoices:read,invoices:write", ",invoices:read,+"])
def test_several_scopes_are_separated_by_spaces_or_commas_and_all_needed(doors: Doors, scopes: str) -> None:
    both = doors.create_key(access={INVOICES: ["invoices:read", "invoices:write"]})["api_key"]
    reader = doors.create_key(**READER)["api_key"]
    path = f"/v1/forward-auth?audience={INVOICES}&scopes={scopes}"
    assert denial(ask(doors, both, path)) == "valid"
    assert denial(ask(doors, reader, path)) == ("insufficient_scope" if "write" in scopes else "valid")


def test_without_scopes_access_to_the_audience_is_enough(doors: Doors) -> None:
    key = doors.create_key(**READER)["api_key"]
    assert denial(ask(doors, key, f"/v1/forward-auth?audience={INVOICES}")) == "valid"
    assert denial(ask(doors, key, f"/v1/forward-auth?audience={INVOICES}&scopes=")) == "valid"


def test_a_test_key_passes_where_the_proxy_wants_test_mode(doors: Doors) -> None:
    key = doors.create_key(**READER, mode="test")["api_key"]
    answer = ask(doors, key, f"{WANTED}&mode=test")
    assert identity(answer)["Wayvo-Mode"] == "test"
    assert denial(ask(doors, doors.create_key(**READER)["api_key"], f"{WANTED}&mode=test")) == "wrong_mode"


# Whose address is it?


@pytest.mark.parametrize(
    ("lines", "passes"),
    [
        (["198.51.100.7"], True),
        (["198.51.101.7"], False),
        ([], False),
        (["198.51.100.7, 203.0.113.9"], False),
        (["203.0.113.9, 198.51.100.7"], True),
        (["203.0.113.9, 198.51.100.7, 10.0.0.9, 10.0.0.8"], True),
        (["203.0.113.9", "198.51.100.7", "10.0.0.9"], True),
        (["198.51.100.7", "203.0.113.9"], False),
        (["::ffff:198.51.100.7"], True),
        (["2001:db8:2::7"], True),
        (["2001:DB8:2:0::7, 2001:db8:1::1"], True),
        (["2001:db8:3::7"], False),
        (["198.51.100.7, garbage"], False),
        (["198.51.100.7, 10.0.0.9, unknown, 10.0.0.8"], False),
        (["198.51.100.7:4711"], False),
        ([""], False),
    ],
)
def test_the_client_is_the_rightmost_hop_that_is_no_trusted_proxy(doors: Doors, lines: list[str], passes: bool) -> None:
    key = doors.create_key(**READER, allowed_networks=["198.51.100.0/24", "2001:db8:2::/48"])["api_key"]
    headers = [("Authorization", f"Bearer {key}"), *(("X-Forwarded-For", line) for line in lines)]
    answer = doors.nobody.get(WANTED, headers=headers)
    assert denial(answer) == ("valid" if passes else "network_denied")


def test_hops_of_whatever_bytes_are_no_addresses(doors: Doors) -> None:
    key = doors.create_key(**READER, allowed_networks=["198.51.100.0/24"])["api_key"].encode()
    request = (
        b"GET " + WANTED.encode() + b" HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + key + b"\r\n"
        b"X-Forwarded-For: 198.51.100.7, \xff\xfe\xb2\r\n\r\n"
    )
    assert denial(exchange(doors.server.url, request)) == "network_denied"


def test_the_use_that_is_noted_is_the_clients_with_its_address(doors: Doors) -> None:
    key = doors.create_key(**READER)
    ask(doors, key["api_key"], address="2001:DB8:2:0::7")
    shown = doors.operator.get(f"/v1/api-keys/{key['id']}").json()
    assert (shown["last_used_at"], shown["last_used_network"]) == (doors.server.clock.at(0), "2001:db8:2::7")


# Bad input


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("scopes=INVOICES", "scopes"),
        ("scopes=invoices:*", "scopes"),
        ("scopes=*", "scopes"),
        ("scopes=invoices:read%0a&mode=live&cost=1", "cost"),
        ("scopes=a:%00", "scopes"),
        ("mode=prod", "mode"),
        ("mode=", "mode"),
        ("mode=live&mode=live", "mode"),
        (f"audience={INVOICES}&audience={ORDERS}", "audience"),
        ("ip=198.51.100.7", "ip"),
        ("cost=1", "cost"),
    ],
)
def test_a_wrong_parameter_is_named_and_nobody_passes(doors: Doors, query: str, field: str) -> None:
    answer = ask(doors, doors.server.key, f"/v1/forward-auth?{query}")
    assert (answer.status_code, problem(answer)["code"]) == (400, "invalid_request")
    assert [fault["field"] for fault in problem(answer)["errors"]] == [field]
    assert identity(answer) == NOBODY


@pytest.mark.parametrize("query", ["audience=%ff", "audience=%ed%a0%80", "&".join(["a=b"] * 100)])
def test_a_query_that_means_nothing_is_refused(doors: Doors, query: str) -> None:
    answer = ask(doors, doors.server.key, f"/v1/forward-auth?{query}")
    assert (answer.status_code, problem(answer)["code"]) == (400, "invalid_request")
    assert identity(answer) == NOBODY


def test_a_secret_in_a_wrong_place_is_not_repeated(doors: Doors) -> None:
    secret = doors.create_key()["api_key"]
    for query in (f"mode={secret}", f"scopes={secret}", f"{secret}=1", f"audience={secret}"):
        answer = ask(doors, doors.server.key, f"/v1/forward-auth?{query}")
        assert 400 <= answer.status_code < 500
        assert secret not in answer.text


@pytest.mark.parametrize(
    "target",
    [b"/v1/forward-auth/\xff\xfe", b"/v1/forward-auth/%ff", b"/v1/forward-auth/%00", b"/v1/forward-auth?a=\xff"],
)
def test_bytes_outside_ascii_in_the_target_are_no_fault_of_ours(doors: Doors, target: bytes) -> None:
    request = b"GET " + target + b" HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + doors.server.key.encode()
    assert exchange(doors.server.url, request + b"\r\n\r\n").status_code in (200, 400)


@pytest.mark.parametrize("method", [b"BREW", b"get", b"\xff", b"G E T"])
def test_what_is_no_method_is_refused(doors: Doors, method: bytes) -> None:
    answer = exchange(doors.server.url, method + b" /v1/forward-auth HTTP/1.1\r\nHost: a\r\n\r\n")
    assert answer.status_code == 400


def test_questions_that_follow_each_other_on_one_connection_are_answered_in_order(doors: Doors) -> None:
    key = doors.create_key(**READER)["api_key"]
    parts = urlsplit(doors.server.url)
    good = f"GET {WANTED} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {key}\r\n\r\n".encode()
    bad = f"GET {WANTED} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {made_up()}\r\n\r\n".encode()
    with socket.create_connection((str(parts.hostname), int(parts.port or 0)), timeout=30) as connection:
        connection.sendall(good + bad + good)
        received = b""
        while received.count(b"HTTP/1.1 200") < 2:
            chunk = connection.recv(65_536)
            assert chunk
            received += chunk
    assert re.findall(rb"HTTP/1\.1 (\d+)", received) == [b"200", b"401", b"200"]
