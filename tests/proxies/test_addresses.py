"""Whose address decides: the client's, as the trusted proxies saw it, whatever the client says."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.server import RunningServer, free_port
from tests.proxies.running import KINDS, Kind, port_of, proxy_of, running
from tests.proxies.upstream import Upstream
from tests.proxies.visitor import ORDERS, Headers, Visitor, key_for_orders
from tests.services.plugin import require

OFFICE, ELSEWHERE = "127.0.0.7", "127.0.0.8"

# What a client in one place might say to look as if it were in the other.
SAID: dict[str, Headers] = {
    "one address": [("X-Forwarded-For", OFFICE)],
    "several": [("X-Forwarded-For", f"{OFFICE}, {OFFICE}"), ("x-forwarded-for", OFFICE)],
    "with a proxy's": [("X-Forwarded-For", f"{OFFICE}, 127.0.0.1")],
    "nonsense": [("X-Forwarded-For", f"{OFFICE}, unknown, ,,")],
    "with a port": [("X-Forwarded-For", f"{OFFICE}:4711")],
    "inside IPv6": [("X-Forwarded-For", f"::ffff:{OFFICE}")],
    "in other headers": [
        ("Forwarded", f"for={OFFICE}"),
        ("X-Real-IP", OFFICE),
        ("X_Forwarded_For", OFFICE),
        ("X.Forwarded.For", OFFICE),
        ("X-Client-IP", OFFICE),
        ("True-Client-IP", OFFICE),
        ("X-Envoy-External-Address", OFFICE),
        ("X-Original-Forwarded-For", OFFICE),
    ],
    "as hop by hop": [("X-Forwarded-For", OFFICE), ("Connection", "close, X-Forwarded-For")],
    "a long list": [("X-Forwarded-For", ", ".join([OFFICE] * 300))],
}


@pytest.fixture(scope="module")
def office_key(wayvo: RunningServer) -> str:
    """A key that may be used from one address only."""
    return key_for_orders(wayvo, allowed_networks=[f"{OFFICE}/32"])


def test_the_clients_own_address_decides(visitor: Visitor, office_key: str) -> None:
    answer, got = visitor.ask(office_key, address=OFFICE)
    assert answer.status_code == 200
    assert got is not None
    answer, got = visitor.ask(office_key, address=ELSEWHERE)
    assert (answer.status_code, got) == (403, None)
    assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="wayvo", error="invalid_token"')


@pytest.mark.parametrize("how", SAID)
def test_a_client_elsewhere_cannot_say_that_it_is_in_the_office(visitor: Visitor, office_key: str, how: str) -> None:
    answer, got = visitor.ask(office_key, address=ELSEWHERE, headers=SAID[how])
    # Envoy refuses a Connection header that names this one.
    assert answer.status_code in ((400, 403) if how == "as hop by hop" else (403,))
    assert got is None


@pytest.mark.parametrize("how", [how for how in SAID if how != "as hop by hop"])
def test_a_client_in_the_office_stays_there_whatever_it_says(visitor: Visitor, office_key: str, how: str) -> None:
    elsewhere = [(name, value.replace(OFFICE, ELSEWHERE)) for name, value in SAID[how]]
    answer, got = visitor.ask(office_key, address=OFFICE, headers=elsewhere)
    assert answer.status_code == 200
    assert got is not None


def test_the_use_that_is_noted_is_the_clients(visitor: Visitor, wayvo: RunningServer) -> None:
    key = wayvo.create_key(access={ORDERS: ["orders:read"]})
    visitor.ask(key["api_key"], address=ELSEWHERE, headers=SAID["one address"])
    shown = wayvo.client().get(f"/v1/api-keys/{key['id']}").json()
    assert shown["last_used_network"] == ELSEWHERE


# Behind another proxy

BALANCER = """
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s

frontend balancer
    bind 127.0.0.1:{port}
    # Adds a header line of its own.
    option forwardfor
    default_backend next

backend next
    server next 127.0.0.1:{next_port} source 127.0.0.6
"""


def behind_another(folder: Path) -> None:
    """Do what the example's comment says for a proxy behind another."""
    for path in folder.iterdir():
        text = path.read_text(encoding="utf-8")
        path.write_text(re.sub(r"# (.*)10\.0\.0\.10/32", r"\g<1>127.0.0.6/32", text), encoding="utf-8")


@pytest.fixture(scope="module")
def far_visitor(kind: Kind, wayvo: RunningServer, upstream: Upstream) -> Iterator[Visitor]:
    """A client whose requests pass HAProxy first, and then a proxy of each kind."""
    require("haproxy")
    with running(kind, port_of(wayvo.url), upstream.port, behind_another) as url:
        text = BALANCER.format(port=(port := free_port()), next_port=port_of(url))
        with proxy_of(KINDS["haproxy"], {"haproxy.cfg": text}, port) as outer:
            yield Visitor(outer, upstream)


def test_behind_another_proxy_the_clients_address_still_decides(far_visitor: Visitor, office_key: str) -> None:
    answer, got = far_visitor.ask(office_key, address=OFFICE)
    assert answer.status_code == 200
    assert got is not None
    assert far_visitor.ask(office_key, address=ELSEWHERE)[0].status_code == 403


@pytest.mark.parametrize("how", [how for how in SAID if how != "as hop by hop"])
def test_behind_another_proxy_a_client_is_believed_as_little(far_visitor: Visitor, office_key: str, how: str) -> None:
    answer, got = far_visitor.ask(office_key, address=ELSEWHERE, headers=SAID[how])
    assert (answer.status_code, got) == (403, None)
    elsewhere = [(name, value.replace(OFFICE, ELSEWHERE)) for name, value in SAID[how]]
    assert far_visitor.ask(office_key, address=OFFICE, headers=elsewhere)[0].status_code == 200


# A proxy that is not trusted


@pytest.fixture(scope="module")
def distrusted(
    kind: Kind, upstream: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Visitor, RunningServer]]:
    """A client whose proxy Wayvo doesn't trust."""
    with RunningServer(tmp_path_factory.mktemp("distrusting")) as server:
        scopes = [{"name": "orders:read"}]
        body = {"audience": ORDERS, "name": "Orders", "scopes": scopes}
        assert server.client().post("/v1/apis", json=body).status_code == 201
        with running(kind, port_of(server.url), upstream.port) as url:
            yield Visitor(url, upstream), server


def test_to_wayvo_a_proxy_that_is_not_trusted_is_the_client(distrusted: tuple[Visitor, RunningServer]) -> None:
    visitor, server = distrusted
    key = key_for_orders(server, allowed_networks=[f"{OFFICE}/32"])
    for address in (OFFICE, ELSEWHERE):
        for how in ("one address", "several", "with a proxy's"):
            answer, got = visitor.ask(key, address=address, headers=SAID[how])
            assert (answer.status_code, got) == (403, None)
    the_proxys = key_for_orders(server, allowed_networks=["127.0.0.1/32"])
    assert visitor.ask(the_proxys, address=OFFICE)[0].status_code == 200
