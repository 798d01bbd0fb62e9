"""Wayvo that is down, slow or not itself opens no door."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.proxy import eventually
from tests.harness.server import free_port
from tests.proxies.broken import DENIAL, BrokenWayvo
from tests.proxies.running import KINDS, Kind, running
from tests.proxies.test_identity import FORGED, identity
from tests.proxies.upstream import Upstream
from tests.proxies.visitor import Visitor
from tests.services.plugin import require

UNAVAILABLE = {"nginx": (503,), "haproxy": (503,), "caddy": (502, 504), "traefik": (500,), "envoy": (503,)}
"""What each proxy says where nobody could decide."""

SAYS_SO = {"nginx", "haproxy", "envoy"}
"""They say so whatever it is that is neither yes nor no; the others hand on what Wayvo said."""


def answer_of(status: bytes, *headers: bytes, body: bytes = b"") -> bytes:
    head = [b"HTTP/1.1 " + status, *headers, b"Connection: close", b"Content-Length: %d" % len(body)]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


NEITHER = {
    "a moved page": answer_of(b"302 Found", b"Location: https://elsewhere.example/"),
    "a bad request": answer_of(b"400 Bad Request", body=b"{}"),
    "nothing there": answer_of(b"404 Not Found"),
    "no such method": answer_of(b"405 Method Not Allowed"),
    "an error": answer_of(b"500 Internal Server Error", body=b"oh"),
    "too much to do": answer_of(b"503 Service Unavailable", b"Retry-After: 1"),
}
NO_ANSWER = {
    "nothing": b"",
    "another protocol": b"SSH-2.0-OpenSSH_9.2p1\r\n",
    "half a head": b"HTTP/1.1 200 OK\r\nWayvo-Scopes: orders:re",
    "no status": b"HTTP/1.1 \r\n\r\n",
    "a status that is none": answer_of(b"2000 OK"),
}


@pytest.fixture(scope="module")
def broken() -> Iterator[BrokenWayvo]:
    """What stands in Wayvo's place."""
    with BrokenWayvo() as broken:
        yield broken


@pytest.fixture(scope="module")
def visitor(kind: Kind, broken: BrokenWayvo, upstream: Upstream) -> Iterator[Visitor]:
    """A client of the API whose proxy asks something broken."""
    broken.answer = DENIAL
    with running(kind, broken.port, upstream.port) as url:
        yield Visitor(url, upstream)


def test_nobody_passes_while_wayvo_is_down(kind: Kind, upstream: Upstream) -> None:
    with running(kind, free_port(), upstream.port) as url:
        for method, content in (("GET", None), ("POST", b"body"), ("HEAD", None)):
            answer, got = Visitor(url, upstream).ask("any", method=method, content=content)
            assert got is None
            assert answer.status_code in UNAVAILABLE[kind.name]


def test_nobody_passes_while_wayvo_does_not_answer(
    kind: Kind, visitor: Visitor, broken: BrokenWayvo, upstream: Upstream
) -> None:
    broken.answer = None
    asked = broken.asked
    answers: list[int] = []
    threads = [
        threading.Thread(target=lambda: answers.append(visitor.ask("any")[0].status_code), name="visitor")
        for _ in range(3)
    ]
    before = len(upstream.got)
    for thread in threads:
        thread.start()
    eventually(lambda: broken.asked > asked, "the proxy asks")
    if kind.name == "traefik":
        # It waits for 30 seconds, which is not for us to choose.
        eventually(lambda: broken.asked == asked + 3, "the proxy asks")
        broken.hang_up()
    for thread in threads:
        thread.join(10)
    assert len(answers) == 3, "the proxy waits for more than its 2 seconds"
    assert set(answers) <= set(UNAVAILABLE[kind.name])
    assert len(upstream.got) == before


@pytest.mark.parametrize("what", NEITHER)
def test_what_is_neither_yes_nor_no_is_no(kind: Kind, visitor: Visitor, broken: BrokenWayvo, what: str) -> None:
    broken.answer = NEITHER[what]
    answer, got = visitor.ask("any")
    assert got is None
    if kind.name in SAYS_SO and not (kind.name == "envoy" and not NEITHER[what].startswith(b"HTTP/1.1 5")):
        assert answer.status_code in UNAVAILABLE[kind.name]
    else:
        assert f"HTTP/1.1 {answer.status_code} ".encode() in NEITHER[what]


@pytest.mark.parametrize("what", NO_ANSWER)
def test_what_is_no_answer_is_no(visitor: Visitor, broken: BrokenWayvo, what: str) -> None:
    broken.answer = NO_ANSWER[what]
    before = len(visitor.upstream.got)
    received = visitor.send(
        b"GET /orders HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer any\r\nConnection: close\r\n\r\n"
    )
    assert len(visitor.upstream.got) == before
    # Envoy hands on even a status that is none.
    assert received.startswith((b"HTTP/1.1 5", b"HTTP/1.1 2000"))


@pytest.mark.parametrize("how", FORGED)
def test_a_yes_that_names_nobody_lets_no_made_up_identity_pass(visitor: Visitor, broken: BrokenWayvo, how: str) -> None:
    """Whatever else may be listening on Wayvo's port."""
    broken.answer = answer_of(b"200 OK")
    _, got = visitor.ask("any", headers=FORGED[how])
    assert got is None or identity(got) == []


@pytest.mark.parametrize(
    "fault",
    [
        'core.register_action("wayvo", {"http-req"}, function(txn) error("a fault") end, 2)',
        'core.register_action("wayvo", {"http-req"}, function(txn) local x = nil; x.y = 1 end, 2)',
        'core.register_action("wayvo", {"http-req"}, function(txn) end, 2)',
    ],
)
def test_a_fault_in_haproxys_script_opens_nothing(upstream: Upstream, fault: str) -> None:
    require("haproxy")

    def spoil(folder: Path) -> None:
        (folder / "wayvo.lua").write_text(fault, encoding="utf-8")

    with running(KINDS["haproxy"], free_port(), upstream.port, spoil) as url:
        answer, got = Visitor(url, upstream).ask("any")
        assert got is None
        assert answer.status_code in (500, 503)
