"""What every refusal says, and what every answer carries."""

import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from tests.harness.foreign import FORMAT, made_elsewhere, row, send_import
from tests.harness.membership import Membership
from tests.harness.neighbour import move_in
from tests.harness.people import PASSWORD, invite, join, make_role
from tests.harness.server import Client, RunningServer
from wayvo.core.credentials.foreign import MAX_FORMATS_PER_ORGANIZATION
from wayvo.core.errors import PROBLEM_BY_CODE
from wayvo.installation import Installation
from wayvo.services.roles import MAX_ROLES
from wayvo.store.database import Transaction
from wayvo.store.tables import api_keys

UNPROVOKED: Final = {"overloaded", "storage_unavailable", "unavailable", "internal_error"}
"""Codes that no request brings about by itself."""


@pytest.fixture(scope="module")
def provoked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, httpx.Response]]:
    """An answer with each code that a request can bring about."""
    folder: Path = tmp_path_factory.mktemp("provoked")
    with RunningServer(folder) as server:
        yield _provoke(server)


def _provoke(server: RunningServer) -> dict[str, httpx.Response]:
    client = server.client()

    def as_key(**fields: Any) -> Client:
        return server.client(server.create_key(**fields)["api_key"])

    def whoami(key: str | None) -> httpx.Response:
        return server.client(key).get("/v1/whoami")

    own = ["users:read"]
    revoked = server.create_key(scopes=own)
    client.post(f"/v1/api-keys/{revoked['id']}/revoke")
    expired = server.create_key(scopes=own, expires_at=server.clock.at(1))
    server.clock.turn(1)
    unknown = server.key[:-38] + "0" * 32 + _checksum(server.key[:-38] + "0" * 32)
    rotated = server.create_key()["id"]
    client.post(f"/v1/api-keys/{rotated}/rotate")
    archived = client.post("/v1/projects", json={"name": "n"}).json()["id"]
    client.post(f"/v1/projects/{archived}/archive")
    built_in = client.get("/v1/apis").json()["data"][0]["id"]
    neighbour = move_in(server)
    Membership(server, neighbour.organization_id).disable()
    once = {"Idempotency-Key": "k"}
    doing: dict[str, Any] = {
        "audience": "urn:example:operations",
        "name": "n",
        "operations": [{"methods": ["GET"], "path": "/a"}],
    }
    client.post("/v1/apis", json=doing).raise_for_status()
    client.post("/v1/projects", json={"name": "a"}, headers=once)
    assert server.founded is not None
    role, member = make_role(client, "projects:read"), join(client, password=PASSWORD)
    client.patch(f"/v1/users/{member['id']}", json={"role": role["id"]}).raise_for_status()
    twice, former = invite(client), join(client, password=PASSWORD)
    client.delete(f"/v1/users/{former['id']}").raise_for_status()
    guessed = invite(client, email=former["email"])

    def accept(token: str, **fields: Any) -> httpx.Response:
        return client.post("/v1/invitations/accept", json={"token": token, **fields})

    accept(twice["token"]).raise_for_status()
    return {
        "missing_credential": whoami(None),
        "malformed": whoami("nonsense"),
        "unknown": whoami(unknown),
        "revoked": whoami(revoked["api_key"]),
        "organization_disabled": whoami(neighbour.secret),
        "expired": whoami(expired["api_key"]),
        "wrong_mode": as_key(mode="test", scopes=own).get("/v1/whoami"),
        "wrong_audience": as_key().get("/v1/whoami"),
        "network_denied": as_key(scopes=own, allowed_networks=["192.0.2.0/24"]).get("/v1/whoami"),
        "insufficient_scope": as_key(scopes=own).get("/v1/projects"),
        "unknown_operation": as_key(access={doing["audience"]: ["*"]}).get(
            "/v1/forward-auth", params={"audience": doing["audience"]}
        ),
        "malformed_json": client.post("/v1/projects", content=b"{"),
        "invalid_request": client.get("/v1/projects?limit=0"),
        "invalid_field": client.post("/v1/projects", json={"name": ""}),
        "not_found": client.get("/v1/projects/prj_0"),
        "method_not_allowed": client.delete("/v1/projects"),
        "body_too_large": client.post("/v1/projects", content=b" " * 70_000),
        "url_too_long": client.get("/v1/projects?cursor=" + "c" * 9_000),
        "headers_too_large": client.get("/v1/projects", headers={"X-Long": "x" * 17_000}),
        "unsupported_media_type": client.post("/v1/projects", content=b"{}", headers={"Content-Type": "text/plain"}),
        "access_not_held": as_key(scopes=["api-keys:write"]).post("/v1/api-keys", json={"name": "n", "scopes": own}),
        "idempotency_key_reused": client.post("/v1/projects", json={"name": "b"}, headers=once),
        "audience_taken": [
            client.post("/v1/apis", json={"audience": "urn:example:taken", "name": "n"}) for _ in range(2)
        ][1],
        "api_key_ended": client.patch(f"/v1/api-keys/{revoked['id']}", json={}),
        "already_rotated": client.post(f"/v1/api-keys/{rotated}/rotate"),
        "project_archived": client.patch(f"/v1/projects/{archived}", json={}),
        "weak_key_format": _import(client, min_length=5, max_length=5),
        "too_many_key_formats": [
            _import(client, prefix=f"p{number}_") for number in range(MAX_FORMATS_PER_ORGANIZATION + 1)
        ][-1],
        "already_member": client.post("/v1/invitations", json={"email": member["email"], "role": "viewer"}),
        "built_in_role": client.patch("/v1/roles/viewer", json={"permissions": []}),
        "invitation_invalid": accept(twice["token"]),
        "last_owner": client.patch(f"/v1/users/{server.founded.owner.id}", json={"role": "viewer"}),
        "operator_organization": client.post(f"/v1/organizations/{server.founded.organization.id}/disable"),
        "role_in_use": client.delete(f"/v1/roles/{role['id']}"),
        "role_name_taken": client.post("/v1/roles", json={"name": role["name"], "permissions": []}),
        "wrong_password": accept(guessed["token"], password="another horse entirely"),
        "too_many": [
            client.post("/v1/roles", json={"name": f"R{number}", "permissions": []}) for number in range(MAX_ROLES + 1)
        ][-1],
        "built_in_api": client.patch(f"/v1/apis/{built_in}", json={}),
    }


def _import(client: Client, **looks: Any) -> httpx.Response:
    key = made_elsewhere()
    return send_import(client, row(key), format={**FORMAT, **looks})


def _checksum(head: str) -> str:
    """Return a key's last six characters, from its documented form: CRC-32 in base 62."""
    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    value, digits = zlib.crc32(head.encode()), ""
    for _ in range(6):
        value, digit = divmod(value, 62)
        digits = alphabet[digit] + digits
    return digits


@pytest.mark.parametrize("code", sorted(PROBLEM_BY_CODE.keys() - UNPROVOKED))
def test_a_refusal_is_a_problem_document_with_its_code_title_page_and_request(
    provoked: dict[str, httpx.Response], code: str
) -> None:
    response = provoked[code]
    document = response.json()
    kind = PROBLEM_BY_CODE[code]
    assert response.headers["Content-Type"] == "application/problem+json"
    assert document == {
        "type": f"{response.url.scheme}://{response.url.netloc.decode()}/docs/errors/{code}",
        "title": kind.title,
        "status": kind.status,
        "code": code,
        "detail": document["detail"],
        "request_id": response.headers["X-Request-Id"],
    } | ({"errors": document["errors"]} if code in {"invalid_field", "invalid_request"} else {})
    assert response.status_code == kind.status
    assert len(document["detail"]) > 10


@pytest.mark.parametrize("code", sorted(PROBLEM_BY_CODE.keys() - UNPROVOKED))
def test_a_challenge_goes_with_what_another_credential_would_mend(
    provoked: dict[str, httpx.Response], code: str
) -> None:
    challenge = provoked[code].headers.get("WWW-Authenticate")
    # RFC 6750 §3.1: without any authentication information there should be no error code.
    if code == "missing_credential":
        assert challenge == 'Bearer realm="wayvo"'
    elif code in ("insufficient_scope", "unknown_operation"):
        assert challenge is not None
        assert challenge.startswith('Bearer realm="wayvo", error="insufficient_scope"')
    elif provoked[code].status_code == 401 or code == "network_denied":
        assert challenge is not None
        assert challenge.startswith('Bearer realm="wayvo", error="invalid_token"')
    else:
        assert challenge is None


def test_a_failure_is_answered_as_a_problem_that_tells_nothing(
    server: RunningServer, capsys: pytest.CaptureFixture[str]
) -> None:
    made = server.create_key()

    async def spoil(installation: Installation) -> None:
        def job(transaction: Transaction) -> None:
            statement = api_keys.update().where(api_keys.c.id == made["id"])
            transaction.connection.execute(statement, {"access": "no JSON, by a hand that slipped"})

        await installation.database.write(job)

    server.call(spoil)
    response = server.client().get(f"/v1/api-keys/{made['id']}")
    assert (response.status_code, response.headers["Content-Type"]) == (500, "application/problem+json")
    document = response.json()
    assert (document["code"], document["request_id"]) == ("internal_error", response.headers["X-Request-Id"])
    assert "slipped" not in response.text
    assert "Error" not in response.text.replace("internal_error", "")
    assert server.client().get("/v1/users").status_code == 200
    logged = capsys.readouterr()
    assert document["request_id"] in logged.out + logged.err


# Request ids


def test_every_answer_has_a_request_id_of_its_own(client: Client) -> None:
    paths = ("/v1/users", "/v1/users", "/nowhere", "/healthz", "/v1/verify", "/v1/forward-auth", "/openapi.json")
    ids = [client.get(path).headers["X-Request-Id"] for path in paths]
    assert [request_id for request_id in ids if not re.fullmatch(r"req_[0-9a-f]{24}", request_id)] == []
    assert len(set(ids)) == len(ids)


def test_nobody_but_a_trusted_proxy_names_a_request(client: Client, tmp_path: Path) -> None:
    given = {"X-Request-Id": "proxy-made-0001"}
    assert client.get("/healthz", headers=given).headers["X-Request-Id"] != "proxy-made-0001"
    with RunningServer(tmp_path / "behind", WAYVO_TRUSTED_PROXIES="127.0.0.0/8") as server:
        behind = server.client()
        for path in ("/healthz", "/v1/users", "/v1/verify", "/v1/forward-auth"):
            assert behind.get(path, headers=given).headers["X-Request-Id"] == "proxy-made-0001"
        refused = behind.get("/nowhere", headers=given)
        assert refused.json()["request_id"] == "proxy-made-0001"
        for odd in ("short", "x" * 65, "with space", 'quote"quote', "line;line", "né-né-né-né"):
            answer = behind.get("/healthz", headers=[(b"X-Request-Id", odd.encode("latin-1"))])
            assert answer.headers["X-Request-Id"].startswith("req_"), odd
        twice = behind.get("/healthz", headers=[("X-Request-Id", "proxy-made-0001"), ("X-Request-Id", "client-made-1")])
        assert twice.headers["X-Request-Id"].startswith("req_")


# Paths and methods


def test_a_method_that_a_path_has_not_is_refused_with_those_it_has(client: Client) -> None:
    methods = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE")
    for path, item in client.get("/openapi.json").json()["paths"].items():
        if path.startswith("/v1/forward-auth"):
            continue  # Any method is accepted there.
        has = {method.upper() for method in item}
        for method in methods:
            if method in has:
                continue
            response = client.request(method, re.sub(r"\{\w+\}", "x", path))
            assert response.status_code == 405, (method, path)
            allowed = {name.strip() for name in response.headers["Allow"].split(",")}
            assert allowed - {"OPTIONS"} == has, (method, path)
            if method != "HEAD":
                assert response.json()["code"] == "method_not_allowed"


def test_options_names_every_method_that_a_path_has(client: Client) -> None:
    for path, item in client.get("/openapi.json").json()["paths"].items():
        if path.startswith(("/v1/forward-auth", "/v1/verify")):
            continue  # The machine doors take it for a method like any other.
        response = client.options(re.sub(r"\{\w+\}", "x", path))
        assert (response.status_code, response.content) == (204, b"")
        assert set(response.headers["Allow"].split(", ")) == {"OPTIONS", *(method.upper() for method in item)}, path


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/", "/v2/users", "/v1/Users", "/v1/users/a/b", "/v1/verify/", "/v1/forward-authx", "/%00"]
)
def test_what_is_at_no_path_is_not_found(client: Client, path: str) -> None:
    response = client.get(path)
    assert (response.status_code, response.json()["code"]) == (404, "not_found")


# What every answer carries


def test_every_answer_forbids_sniffing_framing_keeping_and_passing_on(
    provoked: dict[str, httpx.Response], client: Client
) -> None:
    good = [client.get(path) for path in ("/v1/users", "/healthz", "/openapi.json", "/v1/forward-auth")]
    good += [client.post("/v1/projects", json={"name": "n"}), client.post("/v1/verify", json={"credential": "x"})]
    assert [response.is_success for response in good] == [True] * 6
    for response in [*good, *provoked.values()]:
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["X-Frame-Options"] == "DENY"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert response.headers["Cache-Control"] == "no-store"
        policy = response.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'")
        assert "frame-ancestors 'none'" in policy
        assert "Server" not in response.headers
        assert "Set-Cookie" not in response.headers
        assert "Access-Control-Allow-Origin" not in response.headers
        assert "Strict-Transport-Security" not in response.headers


def test_an_installation_on_https_says_so_for_the_year_to_come(tmp_path: Path) -> None:
    with RunningServer(tmp_path / "tls", WAYVO_PUBLIC_URL="https://keys.example.com") as server:
        client = server.client()
        for path in ("/v1/users", "/nowhere", "/v1/verify"):
            response = client.get(path)
            assert response.headers["Strict-Transport-Security"] == "max-age=31536000"
            if response.is_error:
                assert response.json()["type"].startswith("https://keys.example.com/docs/errors/")
