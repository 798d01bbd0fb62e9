"""A node that loses touch with the others: what it may still answer, when it refuses, and how it comes back."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from sqlalchemy import NullPool, create_engine, text

from tests.harness.engine import OnPostgresql
from tests.harness.nodes import Node, Nodes, answer
from tests.harness.postmaster import Postmaster
from tests.harness.proxy import Link, Proxy, eventually
from tests.nodes.narrowings import IN_FORCE_SECONDS, NARROWINGS, seconds_until_in_force
from tests.wire.doors import IDENTITY, problem
from wayvo.app import PROBE_SECONDS

pytestmark = pytest.mark.needs("postgresql")

LISTEN = b"LISTEN wayvo_changes"
STALE_SECONDS = 5


def listeners(url: str) -> list[int]:
    """Return the server's processes that listen for notifications."""
    statement = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN %'"
    with create_engine(url, poolclass=NullPool).connect() as connection:
        return list(connection.execute(text(statement)).scalars())


def end_connection(url: str, process: int) -> None:
    """Let the server end one of its connections, and wait until it has."""
    with create_engine(url, poolclass=NullPool).connect() as connection:
        ended = connection.execute(text("SELECT pg_terminate_backend(:pid, 10000)"), {"pid": process}).scalar_one()
        assert ended


def refuse_listeners(link: Link, sent: bytes) -> bool:
    """Cut every connection that wants to listen."""
    if LISTEN in sent:
        link.cut()
        return False
    return True


def refusals(node: Node, secret: str) -> dict[str, httpx.Response]:
    """Return what each door answers that decides about a credential."""
    mine = {"Authorization": f"Bearer {secret}"}
    return {
        "forward-auth": node.ask(secret),
        "below forward-auth": node.nobody.get("/v1/forward-auth/some/path", headers=mine),
        "verify by POST": node.operator.post("/v1/verify", json={"credential": secret}),
        "verify by GET": node.operator.get("/v1/verify", headers={"Wayvo-Credential": secret}),
        "management": node.nobody.get("/v1/whoami", headers=mine),
        "a change": node.operator.post("/v1/projects", json={"name": "Lost"}),
    }


def assert_every_door_refuses(node: Node, secret: str) -> None:
    for door, response in refusals(node, secret).items():
        assert (response.status_code, problem(response)["code"]) == (503, "unavailable"), door
        assert int(response.headers["Retry-After"]) >= 1, door
        assert "WWW-Authenticate" not in response.headers, door
        if "forward-auth" in door:
            assert {name: response.headers[name] for name in IDENTITY} == dict.fromkeys(IDENTITY, ""), door


def test_a_node_whose_listener_is_cut_catches_up_without_it(nodes: Nodes, proxy: Proxy) -> None:
    here, there = nodes.start(), nodes.start(proxy.url)
    eventually(lambda: len(listeners(nodes.url)) == 2, "both nodes listen")
    proxy.watch = refuse_listeners
    for link in proxy.links_that_sent(LISTEN):
        link.cut()
    eventually(lambda: len(listeners(nodes.url)) == 1, "one node does not listen any more")
    for narrowing in NARROWINGS:
        assert seconds_until_in_force(narrowing, here, there) <= IN_FORCE_SECONDS
    assert len(listeners(nodes.url)) == 1, "the other node listened again"


def test_a_node_whose_listener_was_cut_listens_again(nodes: Nodes) -> None:
    nodes.start()
    (before,) = eventually(lambda: listeners(nodes.url), "the node listens")
    end_connection(nodes.url, before)
    (after,) = eventually(lambda: listeners(nodes.url), "the node listens again")
    assert after != before


def test_a_notification_wakes_a_node_that_would_not_read_yet(nodes: Nodes, proxy: Proxy) -> None:
    here, there = nodes.start(), nodes.start(proxy.url)
    eventually(lambda: len(listeners(nodes.url)) == 2, "both nodes listen")
    # Without notifications the other would need 0.2 s on average, and now and then 0.4.
    seconds = sorted(seconds_until_in_force(NARROWINGS[0], here, there) for _ in range(21))
    assert seconds[10] < 0.1


@pytest.mark.parametrize("way", ["cut", "hold"])
def test_a_node_that_is_parted_from_the_database_refuses_after_5_s_and_is_back_without_an_outdated_answer(
    nodes: Nodes, proxy: Proxy, way: str
) -> None:
    here, there = nodes.start(), nodes.start(proxy.url)
    prepared = [(narrowing, narrowing.prepare(here)) for narrowing in NARROWINGS]
    untouched = here.create_key(scopes=["users:read"])["api_key"]
    there.catch_up()
    for _, key in prepared:
        assert there.decision(key.secret, **key.query) == "valid"
    assert there.decision(untouched) == "valid"

    {"cut": proxy.cut, "hold": proxy.hold}[way]()
    parted = time.monotonic()
    for _, key in prepared:
        key.narrow()
    there.wait_for("unavailable", untouched)
    assert time.monotonic() - parted <= STALE_SECONDS + 1
    assert_every_door_refuses(there, untouched)
    lost = there.readiness()
    assert (lost["http"], lost["status"]) == (503, "not_ready")
    assert lost["bus_silence_seconds"] >= STALE_SECONDS
    assert here.readiness()["http"] == 200
    assert here.decision(untouched) == "valid"

    {"cut": proxy.mend, "hold": proxy.release}[way]()
    # Every key is asked about all the time: the first answer that is none of the refusals has to be the true one.
    waiting = list(prepared)
    deadline = time.monotonic() + 30
    while waiting:
        assert time.monotonic() < deadline, "the node did not come back"
        still = []
        for narrowing, key in waiting:
            decision = there.decision(key.secret, **key.query)
            assert decision in ("unavailable", narrowing.code), narrowing.name
            if decision == "unavailable":
                still.append((narrowing, key))
        waiting = still
    there.wait_for("valid", untouched)
    wait_until_ready(there)
    assert seconds_until_in_force(NARROWINGS[0], here, there) <= IN_FORCE_SECONDS


def wait_until_ready(node: Node) -> None:
    eventually(lambda: node.readiness()["http"] == 200, "the node is ready again")


@contextmanager
def stopped(postmaster: Postmaster) -> Iterator[None]:
    postmaster.stop()
    try:
        yield
    finally:
        postmaster.start()


@pytest.mark.parametrize("way", ["stopped", "frozen"])
def test_without_the_database_a_node_refuses_after_5_s_unless_it_may_serve_stale_and_both_come_back(
    postmaster: Postmaster, tmp_path: Path, way: str
) -> None:
    with OnPostgresql(postmaster.url).database() as url, Nodes(tmp_path, url) as nodes:
        strict, lax = nodes.start(), nodes.start(WAYVO_STALE_POLICY="serve_stale")
        key, unseen = [strict.create_key(scopes=["users:read"]) for _ in range(2)]
        for node in (strict, lax):
            node.catch_up()
            assert refusals(node, key["api_key"])["verify by POST"].json()["valid"]
        with {"stopped": lambda: stopped(postmaster), "frozen": postmaster.frozen}[way]():
            strict.wait_for("unavailable", key["api_key"])
            assert_every_door_refuses(strict, key["api_key"])
            asked = time.monotonic()
            found = strict.readiness()
            assert time.monotonic() - asked < 2 * PROBE_SECONDS, "a probe is not to hang with the database"
            assert (found["http"], found["status"], found["database"]) == (503, "not_ready", "unavailable")
            assert lax.decision(key["api_key"]) == "valid"
            assert answer(lax.operator.post("/v1/verify", json={"credential": key["api_key"]}), 200)["valid"]
            if way == "stopped":
                assert lax.decision(unseen["api_key"]) == "storage_unavailable", "it was never in memory"
        for node in (strict, lax):
            node.wait_for("valid", key["api_key"])
            node.wait_for("valid", unseen["api_key"])
            wait_until_ready(node)
        assert seconds_until_in_force(NARROWINGS[0], strict, lax) <= IN_FORCE_SECONDS
        assert seconds_until_in_force(NARROWINGS[0], lax, strict) <= IN_FORCE_SECONDS


def test_a_node_refuses_as_soon_as_its_operator_wants(nodes: Nodes, proxy: Proxy) -> None:
    here, hasty, patient = nodes.start(), nodes.start(proxy.url, WAYVO_STALE_SECONDS="1"), nodes.start(proxy.url)
    key = here.create_key(scopes=["users:read"])["api_key"]
    for node in (hasty, patient):
        node.catch_up()
        assert node.decision(key) == "valid"
    proxy.cut()
    hasty.wait_for("unavailable", key)
    assert patient.decision(key) == "valid"


def test_a_node_that_serves_stale_forgets_what_was_ended_meanwhile_as_soon_as_it_is_back(
    nodes: Nodes, proxy: Proxy
) -> None:
    here, there = nodes.start(), nodes.start(proxy.url, WAYVO_STALE_POLICY="serve_stale")
    prepared = NARROWINGS[0].prepare(here)
    there.catch_up()
    assert there.decision(prepared.secret) == "valid"
    proxy.cut()
    prepared.narrow()
    eventually(lambda: there.readiness()["bus_silence_seconds"] > STALE_SECONDS, "it is silent for long")
    assert there.decision(prepared.secret) == "valid"
    proxy.mend()
    there.wait_for("revoked", prepared.secret)
