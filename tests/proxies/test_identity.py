"""Whose identity reaches the upstream: the one that Wayvo found, never one of the client's own making."""

import re

import pytest

from tests.harness.server import RunningServer
from tests.proxies.upstream import Got
from tests.proxies.visitor import ORDERS, Headers, Visitor, key_for_orders
from tests.wire.doors import IDENTITY

# Every sign that HTTP allows in a header's name and frameworks turn into the same as a hyphen.
SIGNS = "_.!#$%&'*+^`|~"
FORGED: dict[str, Headers] = {
    "as they are": [(name, "forged") for name in IDENTITY],
    "in small letters": [(name.lower(), "forged") for name in IDENTITY],
    "in capitals": [(name.upper(), "forged") for name in IDENTITY],
    "twice": [(name, value) for value in ("forged", "forged too") for name in IDENTITY],
    "empty": [(name, "") for name in IDENTITY],
    "with other signs": [(name.replace("-", sign), "forged") for sign in SIGNS for name in IDENTITY],
    "with a sign among hyphens": [(re.sub("-", "_", name, count=1), "forged") for name in IDENTITY],
}


def identity(got: Got) -> list[tuple[str, str]]:
    """Return what a framework could take for identity headers."""
    names = {name.lower() for name in IDENTITY}
    return sorted((name, value) for name, value in got.headers if re.sub("[^a-z0-9]", "-", name) in names)


def true_identity(server: RunningServer, **fields: object) -> tuple[str, list[tuple[str, str]]]:
    """Return a new key and who its bearer is."""
    key = server.create_key(access={ORDERS: ["orders:read", "orders:write"]}, **fields)
    expected = {
        "wayvo-organization-id": key["organization_id"],
        "wayvo-project-id": key["project_id"],
        "wayvo-principal": f"service_account:{key['project_id']}",
        "wayvo-credential-id": key["id"],
        "wayvo-mode": "live",
        "wayvo-scopes": "orders:read orders:write",
    }
    return str(key["api_key"]), sorted(expected.items())


def test_the_upstream_learns_who_calls(visitor: Visitor, wayvo: RunningServer) -> None:
    key, expected = true_identity(wayvo)
    _, got = visitor.ask(key)
    assert got is not None
    assert identity(got) == expected


@pytest.mark.parametrize("how", FORGED)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_identity_of_the_clients_own_making_never_passes(
    visitor: Visitor, wayvo: RunningServer, how: str, method: str
) -> None:
    key, expected = true_identity(wayvo)
    answer, got = visitor.ask(key, method=method, headers=FORGED[how])
    assert answer.status_code == 200
    assert got is not None
    assert identity(got) == expected


@pytest.mark.parametrize("how", FORGED)
def test_whoever_makes_up_an_identity_without_a_key_gets_nowhere(
    visitor: Visitor, wayvo: RunningServer, how: str
) -> None:
    for credential, status in ((None, 401), ("nonsense", 401), (key_for_orders(wayvo, "orders:write"), 403)):
        answer, got = visitor.ask(credential, headers=FORGED[how])
        assert (answer.status_code, got) == (status, None)


@pytest.mark.parametrize(
    "value",
    ["Wayvo-Scopes", "close, Wayvo-Scopes, Wayvo-Principal", "keep-alive,wayvo-mode ,WAYVO-CREDENTIAL-ID", "Wayvo"],
)
def test_a_client_cannot_have_the_identity_taken_out_as_hop_by_hop(
    visitor: Visitor, wayvo: RunningServer, value: str
) -> None:
    key, expected = true_identity(wayvo)
    _, got = visitor.ask(key, headers=[("Connection", value), *FORGED["as they are"]])
    assert got is not None
    assert identity(got) == expected


@pytest.mark.parametrize("value", ["Authorization", "close, authorization, X-Forwarded-For"])
def test_a_credential_that_is_hop_by_hop_is_the_same_to_both_or_none(
    visitor: Visitor, wayvo: RunningServer, value: str
) -> None:
    key, expected = true_identity(wayvo)
    answer, got = visitor.ask(key, headers=[("Connection", value)])
    if answer.status_code == 200:
        assert got is not None
        assert (identity(got), got.values("authorization")) == (expected, [f"Bearer {key}"])
    else:
        assert (answer.status_code in (400, 401), got) == (True, None)


def test_the_client_learns_nothing_of_the_identity(visitor: Visitor, wayvo: RunningServer) -> None:
    key, expected = true_identity(wayvo)
    for credential in (key, None):
        answer, _ = visitor.ask(credential)
        shown = str(answer.headers)
        assert not any(value in shown for _, value in expected if len(value) > 10)
