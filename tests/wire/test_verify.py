"""``/v1/verify``: a protected API asks, and gets a verdict if it has the authority to ask."""

import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.harness.neighbour import move_in
from tests.harness.server import Client
from tests.wire.doors import ANYWHERE, MACHINE_DOORS, Asked, Door, Doors, exchange, problem, verdict
from wayvo.core.access.permissions import OWN_AUDIENCE
from wayvo.core.credentials.format import Mode, mint

INVOICES, ORDERS = "https://invoices.example", "https://orders.example"
VERDICT_FIELDS = {
    "valid",
    "code",
    "principal",
    "organization_id",
    "project_id",
    "credential_id",
    "mode",
    "scopes",
    "rate_limits",
    "expires_at",
}

numbers = itertools.count(1)


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    """A server with two private APIs and one for the whole installation; the asker may ask about both private ones."""
    opened = Doors(tmp_path_factory.mktemp("server"))
    with opened.server:
        opened.open()
        opened.create_api(INVOICES, "invoices:read", "invoices:write")
        opened.create_api(ORDERS, "orders:read")
        opened.asker = opened.let_ask_about(INVOICES, ORDERS)
        yield opened


def made_up(mode: Mode = Mode.LIVE) -> str:
    """Return a well-formed key that nobody has made."""
    return mint("wv", mode, (2**200 + next(numbers)).to_bytes(32))


def ended(doors: Doors, **fields: Any) -> str:
    """Return a revoked key."""
    key = doors.create_key(**fields)
    doors.operator.post(f"/v1/api-keys/{key['id']}/revoke").raise_for_status()
    return str(key["api_key"])


def expired(doors: Doors, **fields: Any) -> str:
    key = doors.create_key(**fields, expires_at=doors.server.clock.at(60))
    doors.server.clock.turn(60)
    return str(key["api_key"])


READER = {"access": {INVOICES: ["invoices:read"]}}

CASES: dict[str, Callable[[Doors], Asked]] = {
    "valid": lambda doors: Asked(doors.create_key(**READER)["api_key"], INVOICES, ["invoices:read"]),
    "malformed": lambda doors: Asked(doors.create_key(**READER)["api_key"][:-1] + "!", INVOICES),
    "unknown": lambda _: Asked(made_up(), INVOICES),
    "revoked": lambda doors: Asked(ended(doors, **READER), INVOICES),
    "expired": lambda doors: Asked(expired(doors, **READER), INVOICES),
    "wrong_mode": lambda doors: Asked(doors.create_key(**READER, mode="test")["api_key"], INVOICES),
    "wrong_audience": lambda doors: Asked(doors.create_key(access={ORDERS: ["*"]})["api_key"], INVOICES),
    "network_denied": lambda doors: Asked(
        doors.create_key(**READER, allowed_networks=["198.51.100.0/24"])["api_key"], INVOICES, address=ANYWHERE
    ),
    "insufficient_scope": lambda doors: Asked(
        doors.create_key(**READER)["api_key"], INVOICES, ["invoices:read", "invoices:write"]
    ),
}


@pytest.mark.parametrize("door", [Doors.by_post, Doors.by_get])
@pytest.mark.parametrize("code", CASES)
def test_every_verdict_is_an_answer_of_200_with_its_code(doors: Doors, door: Door, code: str) -> None:
    assert door(doors, CASES[code](doors)) == code


@pytest.mark.parametrize("code", CASES)
def test_a_verdict_says_whom_the_credential_speaks_for_unless_that_may_not_be_known(doors: Doors, code: str) -> None:
    asked = CASES[code](doors)
    body = {"credential": asked.credential, "audience": INVOICES, "scopes": list(asked.scopes), "ip": asked.address}
    answer = doors.asker.post("/v1/verify", json=body).json()
    assert answer.keys() == VERDICT_FIELDS
    assert answer["code"] == code
    facts = [answer[name] for name in ("principal", "organization_id", "project_id", "credential_id", "mode")]
    if code in ("malformed", "unknown"):
        assert facts == [None] * 5
        assert answer["scopes"] == []
        return
    key = next(row for row in doors.operator.get("/v1/api-keys").json()["data"] if row["id"] == answer["credential_id"])
    assert facts == [key["principal"], key["organization_id"], key["project_id"], key["id"], key["mode"]]
    assert answer["scopes"] == ([] if code == "wrong_audience" else ["invoices:read"])
    assert answer["expires_at"] == key["expires_at"]


def test_a_verdict_shows_the_scopes_that_patterns_open_at_the_audience_asked_about(doors: Doors) -> None:
    key = doors.create_key(access={INVOICES: ["*"], ORDERS: ["orders:*"]})["api_key"]
    opened = {
        audience: doors.asker.post("/v1/verify", json={"credential": key, "audience": audience}).json()["scopes"]
        for audience in (INVOICES, ORDERS)
    }
    # The operator's organization owns both, and so a wildcard is authority to verify too.
    assert opened == {INVOICES: ["credentials:verify", "invoices:read", "invoices:write"], ORDERS: ["orders:read"]}


def test_the_default_question_is_about_wayvos_own_api_in_live_mode(doors: Doors) -> None:
    assert verdict(doors.operator.post("/v1/verify", json={"credential": doors.server.key})) == "valid"
    assert verdict(doors.operator.get("/v1/verify", headers={"Wayvo-Credential": doors.server.key})) == "valid"


def test_a_test_key_is_valid_where_a_test_key_is_wanted(doors: Doors) -> None:
    key = doors.create_key(**READER, mode="test")["api_key"]
    for door in (Doors.by_post, Doors.by_get):
        assert door(doors, Asked(key, INVOICES, mode="test")) == "valid"
    live = doors.create_key(**READER)["api_key"]
    assert doors.by_post(Asked(live, INVOICES, mode="test")) == "wrong_mode"


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ({"ip": "198.51.100.7"}, "valid"),
        ({"ip": "::ffff:198.51.100.7"}, "valid"),
        ({"ip": "2001:db8::7"}, "valid"),
        ({"ip": "198.51.101.7"}, "network_denied"),
        ({"ip": None}, "network_denied"),
        ({}, "network_denied"),
    ],
)
def test_a_key_bound_to_networks_needs_to_be_asked_about_with_an_address_in_them(
    doors: Doors, address: dict[str, str | None], code: str
) -> None:
    key = doors.create_key(**READER, allowed_networks=["198.51.100.0/24", "2001:db8::/64"])["api_key"]
    body = {"credential": key, "audience": INVOICES, **address}
    # What the asker's own proxy says of the asker's address is no address of the client's.
    answer = doors.asker.post("/v1/verify", json=body, headers={"X-Forwarded-For": "198.51.100.7"})
    assert verdict(answer) == code


def test_the_use_that_is_noted_is_the_clients_with_its_address(doors: Doors) -> None:
    key = doors.create_key(**READER)
    doors.by_post(Asked(key["api_key"], INVOICES, ["invoices:write"], address="198.51.100.1"))
    shown = doors.operator.get(f"/v1/api-keys/{key['id']}").json()
    assert (shown["last_used_at"], shown["last_used_network"]) == (None, None), "a denied use is none"
    doors.by_post(Asked(key["api_key"], INVOICES, address="198.51.100.7"))
    shown = doors.operator.get(f"/v1/api-keys/{key['id']}").json()
    assert (shown["last_used_at"], shown["last_used_network"]) == (doors.server.clock.at(0), "198.51.100.7")


# Authority


@pytest.mark.parametrize("make", [code for code in CASES if code not in ("malformed", "wrong_audience")])
def test_a_credential_for_none_of_the_askers_audiences_is_unknown_whatever_its_state(doors: Doors, make: str) -> None:
    credential = CASES[make](doors).credential
    stranger = doors.let_ask_about(ORDERS)
    for answer in (
        stranger.post("/v1/verify", json={"credential": credential, "audience": ORDERS, "ip": ANYWHERE}),
        stranger.get("/v1/verify", params={"audience": ORDERS}, headers={"Wayvo-Credential": credential}),
    ):
        assert verdict(answer) == "unknown"
        assert answer.json()["credential_id"] is None


def test_a_credential_for_another_of_the_askers_audiences_is_told_to_be_for_the_wrong_one(doors: Doors) -> None:
    key = doors.create_key(access={ORDERS: ["orders:read"]})["api_key"]
    assert doors.by_post(Asked(key, INVOICES)) == "wrong_audience"
    only_invoices = doors.let_ask_about(INVOICES)
    assert verdict(only_invoices.post("/v1/verify", json={"credential": key, "audience": INVOICES})) == "unknown"


def test_who_owns_an_api_hears_about_the_keys_of_every_organization_for_it(doors: Doors) -> None:
    shared = f"https://shared-{next(numbers)}.example"
    api_id = doors.create_api(shared, "things:read", visibility="installation")
    neighbour = move_in(doors.server, {shared: ("things:read",)})
    asker = doors.let_ask_about(shared)
    answer = asker.post("/v1/verify", json={"credential": neighbour.secret, "audience": shared})
    assert verdict(answer) == "valid"
    assert answer.json()["organization_id"] == neighbour.organization_id
    doors.operator.patch(f"/v1/apis/{api_id}", json={"visibility": "private"}).raise_for_status()
    answer = asker.post("/v1/verify", json={"credential": neighbour.secret, "audience": shared})
    assert verdict(answer) == "unknown", "what became private opens to no other organization, from the answer on"


def test_a_wildcard_of_an_organization_that_does_not_own_the_api_is_no_authority_to_ask(doors: Doors) -> None:
    shared = f"https://shared-{next(numbers)}.example"
    doors.create_api(shared, "things:read", visibility="installation")
    neighbour = move_in(doors.server, {shared: ("*",)})
    key = doors.create_key(access={shared: ["things:read"]})["api_key"]
    answer = doors.server.client(neighbour.secret).post("/v1/verify", json={"credential": key, "audience": shared})
    assert (answer.status_code, problem(answer)["code"]) == (403, "insufficient_scope")


@pytest.mark.parametrize("access", [{}, READER["access"], {ORDERS: ["credentials:verify"]}, {OWN_AUDIENCE: ["*"]}])
def test_asking_without_the_authority_is_refused_before_anything_is_told(doors: Doors, access: dict[str, Any]) -> None:
    asker = doors.server.client(doors.create_key(access=access)["api_key"])
    key = doors.create_key(**READER)["api_key"]
    for answer in (
        asker.post("/v1/verify", json={"credential": key, "audience": INVOICES}),
        asker.get("/v1/verify", params={"audience": INVOICES}, headers={"Wayvo-Credential": key}),
        asker.post("/v1/verify", json={"credential": key, "audience": "https://nobodys.example"}),
    ):
        assert (answer.status_code, problem(answer)["code"]) == (403, "insufficient_scope")
        # RFC 6750 §3.1: insufficient_scope is for 403, with the challenge.
        assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]


# The asker's own credential

ASKERS: dict[str, tuple[int, Callable[[Doors], str | None]]] = {
    "missing_credential": (401, lambda _: None),
    "malformed": (401, lambda _: "wv_live_nothing"),
    "unknown": (401, lambda _: made_up()),
    "revoked": (401, lambda doors: ended(doors, scopes=["credentials:verify"])),
    "expired": (401, lambda doors: expired(doors, scopes=["credentials:verify"])),
    "wrong_mode": (401, lambda doors: doors.create_key(scopes=["credentials:verify"], mode="test")["api_key"]),
    "network_denied": (
        403,
        lambda doors: doors.create_key(scopes=["credentials:verify"], allowed_networks=["192.0.2.0/24"])["api_key"],
    ),
}


@pytest.mark.parametrize("code", ASKERS)
def test_the_asker_is_judged_like_everybody(doors: Doors, code: str) -> None:
    status, make = ASKERS[code]
    asker = doors.server.client(make(doors))
    for answer in (
        asker.post("/v1/verify", json={"credential": doors.server.key}),
        asker.get("/v1/verify", headers={"Wayvo-Credential": doors.server.key}),
    ):
        assert (answer.status_code, problem(answer)["code"]) == (status, code)
        challenge = answer.headers["WWW-Authenticate"]
        assert challenge.startswith('Bearer realm="wayvo"')
        # RFC 6750 §3.1: a request that presents nothing is told no error.
        assert ('error="invalid_token"' in challenge) == (code != "missing_credential")


def test_the_asker_is_judged_by_the_address_that_its_trusted_proxy_names(doors: Doors) -> None:
    key = doors.create_key(scopes=["credentials:verify"], allowed_networks=["192.0.2.0/24"])["api_key"]
    asker, body = doors.server.client(key), {"credential": doors.server.key}
    assert verdict(asker.post("/v1/verify", json=body, headers={"X-Forwarded-For": "192.0.2.5"})) == "valid"
    denied = asker.post("/v1/verify", json=body, headers={"X-Forwarded-For": "192.0.2.5, 203.0.113.9"})
    assert problem(denied)["code"] == "network_denied"


# Bad input


def refused(answer: httpx.Response) -> tuple[int, str, list[str]]:
    document = problem(answer)
    return answer.status_code, document["code"], [fault["field"] for fault in document.get("errors", [])]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"credential": None}, "credential"),
        ({"credential": ""}, "credential"),
        ({"credential": 1e22}, "credential"),
        ({"credential": "x" * 4097}, "credential"),
        ({"credential": "a\0b"}, "credential"),
        ({"credential": "\ud800"}, "credential"),
        ({"audience": ""}, "audience"),
        ({"audience": 1}, "audience"),
        ({"audience": "x" * 301}, "audience"),
        ({"scopes": "invoices:read"}, "scopes"),
        ({"scopes": [1]}, "scopes[0]"),
        ({"scopes": ["invoices:read", "INVOICES"]}, "scopes[1]"),
        ({"scopes": ["invoices:read\n"]}, "scopes[0]"),
        ({"scopes": ["invoices:*"]}, "scopes[0]"),
        ({"scopes": ["*"]}, "scopes[0]"),
        ({"scopes": ["a:b"] * 51}, "scopes"),
        ({"mode": "prod"}, "mode"),
        ({"mode": None}, "mode"),
        ({"ip": "localhost"}, "ip"),
        ({"ip": ""}, "ip"),
        ({"ip": "198.51.100.1:4711"}, "ip"),
        ({"ip": "fe80::1%eth0"}, "ip"),
        ({"ip": 1}, "ip"),
        ({"ip": "1" * 65}, "ip"),
        ({"cost": 1}, "cost"),
    ],
)
def test_a_wrong_field_of_the_body_is_named(doors: Doors, changed: dict[str, Any], field: str) -> None:
    body = json.dumps({"credential": "x", "audience": INVOICES} | changed)
    assert refused(doors.asker.post("/v1/verify", content=body)) == (422, "invalid_field", [field])


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("audience=", "audience"),
        ("scopes=INVOICES", "scopes[0]"),
        ("scopes=invoices:*", "scopes[0]"),
        ("scopes=" + "+".join(["a:b"] * 51), "scopes"),
        ("mode=prod", "mode"),
        ("mode=", "mode"),
        ("ip=localhost", "ip"),
        ("ip=", "ip"),
        ("ip=%00", "ip"),
        ("cost=1", "cost"),
        ("credential=x", "credential"),
        ("audience=a&audience=b", "audience"),
        ("mode=live&mode=live", "mode"),
    ],
)
def test_a_wrong_parameter_of_the_query_is_named(doors: Doors, query: str, field: str) -> None:
    answer = doors.asker.get(f"/v1/verify?{query}", headers={"Wayvo-Credential": "x"})
    assert refused(answer) == (400, "invalid_request", [field])


@pytest.mark.parametrize("query", ["audience=%ff", "audience=%ed%a0%80", "&".join(["a=b"] * 100)])
def test_a_query_that_means_nothing_is_refused(doors: Doors, query: str) -> None:
    answer = doors.asker.get(f"/v1/verify?{query}", headers={"Wayvo-Credential": "x"})
    assert refused(answer)[:2] == (400, "invalid_request")


def test_a_question_in_the_body_takes_no_query(doors: Doors) -> None:
    answer = doors.asker.post(f"/v1/verify?audience={INVOICES}", json={"credential": "x", "audience": INVOICES})
    assert refused(answer) == (400, "invalid_request", ["audience"])


@pytest.mark.parametrize("headers", [[], [("Wayvo-Credential", "")], [("Wayvo-Credential", "x")] * 2])
def test_the_credential_asked_about_is_in_one_header(doors: Doors, headers: list[tuple[str, str]]) -> None:
    answer = doors.asker.get("/v1/verify", params={"audience": INVOICES}, headers=headers)
    assert refused(answer) == (400, "invalid_request", ["Wayvo-Credential"])


@pytest.mark.parametrize("credential", [b"\xff\xfe\x80", "wv_live_é".encode(), b"a b", b"x" * 4000, b"Bearer x"])
def test_a_credential_of_whatever_bytes_is_malformed(doors: Doors, credential: bytes) -> None:
    authorization = doors.asker.headers["Authorization"].encode()
    request = (
        b"GET /v1/verify?audience=" + INVOICES.encode() + b" HTTP/1.1\r\nHost: a\r\n"
        b"Authorization: " + authorization + b"\r\nWayvo-Credential: " + credential + b"\r\n\r\n"
    )
    assert verdict(exchange(doors.server.url, request)) == "malformed"


@pytest.mark.parametrize("chunked", [True, False])
def test_a_body_of_ten_mebibytes_is_refused_before_it_has_come(doors: Doors, chunked: bool) -> None:
    authorization = doors.asker.headers["Authorization"].encode()
    if chunked:
        framing, start = b"Transfer-Encoding: chunked", b"8000\r\n" + b" " * 0x8000
    else:
        framing, start = b"Content-Length: 10485760", b"{"
    # The rest never comes: only a server that does not wait for it answers.
    request = b"POST /v1/verify HTTP/1.1\r\nHost: a\r\nAuthorization: " + authorization + b"\r\n" + framing
    assert refused(exchange(doors.server.url, request + b"\r\n\r\n" + start)) == (413, "body_too_large", [])


def test_the_longest_body_is_16_kibibytes(doors: Doors) -> None:
    body = b'{"credential": "x", "audience": "' + INVOICES.encode() + b'"}'
    assert verdict(doors.asker.post("/v1/verify", content=body.ljust(16_384))) == "malformed"
    assert refused(doors.asker.post("/v1/verify", content=body.ljust(16_385)))[0] == 413


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "PROPFIND"])
def test_another_method_is_told_which_there_are(doors: Doors, method: str) -> None:
    answer = doors.asker.request(method, "/v1/verify")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, POST")
    if method != "HEAD":
        assert problem(answer)["code"] == "method_not_allowed"


@pytest.mark.parametrize("place", ["audience", "mode", "ip", "scopes"])
def test_a_secret_in_a_wrong_place_is_not_repeated(doors: Doors, place: str) -> None:
    secret = doors.create_key()["api_key"]
    by_get = doors.asker.get("/v1/verify", params={place: secret}, headers={"Wayvo-Credential": "x"})
    by_post = doors.asker.post("/v1/verify", json={"credential": "x", place: [secret] if place == "scopes" else secret})
    for answer in (by_get, by_post):
        assert 400 <= answer.status_code < 500
        assert secret not in answer.text


def test_no_store_keeps_a_verdict(doors: Doors) -> None:
    answer = doors.asker.post("/v1/verify", json={"credential": "x", "audience": INVOICES})
    assert answer.headers["Cache-Control"] == "no-store"


def test_an_answer_without_the_cache_is_the_same_and_only_the_asker_can_want_it(doors: Doors) -> None:
    key = doors.create_key(**READER)["api_key"]
    body = {"credential": key, "audience": INVOICES}
    for _ in range(2):
        assert verdict(doors.asker.post("/v1/verify", json=body, headers={"Cache-Control": "no-cache"})) == "valid"
    unknown = {"credential": made_up(), "audience": INVOICES}
    for _ in range(2):
        assert verdict(doors.asker.post("/v1/verify", json=unknown, headers={"Cache-Control": "no-cache"})) == "unknown"


# In force at once


@pytest.mark.parametrize("door", MACHINE_DOORS)
def test_a_scope_that_an_api_no_longer_declares_opens_nothing_from_the_answer_on(doors: Doors, door: Door) -> None:
    audience = f"https://api-{next(numbers)}.example"
    api_id = doors.create_api(audience, "things:read", "things:write")
    asked = Asked(doors.create_key(access={audience: ["things:*"]})["api_key"], audience, ["things:write"])
    before, doors.asker = doors.asker, doors.let_ask_about(audience)
    try:
        assert door(doors, asked) == "valid"
        doors.operator.patch(f"/v1/apis/{api_id}", json={"scopes": [{"name": "things:read"}]}).raise_for_status()
        assert door(doors, asked) == "insufficient_scope"
        declared = {"scopes": [{"name": "things:read"}, {"name": "things:write"}]}
        doors.operator.patch(f"/v1/apis/{api_id}", json=declared).raise_for_status()
        assert door(doors, asked) == "valid"
    finally:
        doors.asker = before


def test_an_api_that_is_opened_to_the_installation_is_open_from_the_answer_on(doors: Doors) -> None:
    audience = f"https://api-{next(numbers)}.example"
    api_id = doors.create_api(audience, "things:read")
    neighbour = move_in(doors.server, {audience: ("things:read",)})
    asked = Asked(neighbour.secret, audience, ["things:read"])
    assert doors.by_proxy(asked) == "wrong_audience"
    doors.operator.patch(f"/v1/apis/{api_id}", json={"visibility": "installation"}).raise_for_status()
    assert doors.by_proxy(asked) == "valid"
    doors.operator.patch(f"/v1/apis/{api_id}", json={"visibility": "private"}).raise_for_status()
    assert doors.by_proxy(asked) == "wrong_audience"


def test_authority_that_is_taken_away_is_gone_from_the_answer_on(doors: Doors) -> None:
    key = doors.create_key(access={INVOICES: ["credentials:verify"]})
    asker: Client = doors.server.client(key["api_key"])
    body = {"credential": doors.create_key(**READER)["api_key"], "audience": INVOICES}
    assert verdict(asker.post("/v1/verify", json=body)) == "valid"
    doors.operator.patch(f"/v1/api-keys/{key['id']}", json={"access": {}}).raise_for_status()
    assert problem(asker.post("/v1/verify", json=body))["code"] == "insufficient_scope"
