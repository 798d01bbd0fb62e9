"""However the network cuts a request into segments, its answer is the same."""

from collections.abc import Mapping

import pytest

from tests.lane.catalogue import AUTH, Keys, bearer, chunked, question, raw
from tests.lane.connection import Connection, exchange
from tests.lane.ways import Ways, turns
from tests.wire.doors import Doors

CHOSEN = ("forward-auth", "denied", "verify", "chunks", "expected", "HEAD", "whoami", "nothing")


@pytest.fixture(scope="module")
def chosen(keys: Keys) -> Mapping[str, bytes]:
    """Requests with every part that a request can have."""
    asker, body = bearer(keys.asker), question(keys.valid)
    chunks = chunked(body, 3, 40, extension=b';a="b"', trailers=b"X-Trailer: y\r\n")
    requests = (
        raw(f"GET {AUTH}", bearer(keys.valid), "X-Empty:"),
        raw(f"POST {AUTH}", "X-Forwarded-For: 10.0.0.1", body=b"some body"),
        raw("POST /v1/verify", asker, body=body),
        raw("POST /v1/verify", asker, "Transfer-Encoding: chunked") + chunks,
        raw("POST /v1/verify", asker, "Expect: 100-continue", body=body),
        raw("HEAD /v1/verify", asker),
        raw("GET /v1/whoami", bearer(keys.own)),
        raw("POST /v1/projects", bearer(keys.own), "Transfer-Encoding: chunked") + chunked(b"{}", 1),
    )
    return dict(zip(CHOSEN, requests, strict=True))


@pytest.mark.parametrize("way", ["cut", "asgi_cut"])
@pytest.mark.parametrize("name", CHOSEN)
def test_cut_in_two_at_any_byte(ways: Ways, chosen: Mapping[str, bytes], name: str, way: str) -> None:
    request = chosen[name]
    ways.cuts.positions = ()
    whole, _ = exchange(getattr(ways, way), request)
    differing = []
    with Connection(getattr(ways, way)) as connection:
        for position in range(1, len(request)):
            ways.cuts.positions = (position,)
            if connection.ask(request).constant != whole:
                differing.append(position)
    assert differing == []


@pytest.mark.parametrize("way", ["lane", "over_tls"])
@pytest.mark.parametrize("name", CHOSEN)
def test_cut_in_two_by_the_network_itself(
    doors: Doors, ways: Ways, chosen: Mapping[str, bytes], name: str, way: str
) -> None:
    request, tls = chosen[name], ways.tls if way == "over_tls" else None
    whole, _ = exchange(getattr(ways, way), request, tls)
    with Connection(getattr(ways, way), tls) as connection:
        for position in range(1, len(request), 11):
            connection.send(request[:position])
            doors.server.call(turns)
            connection.send(request[position:])
            assert connection.answer(has_body=name != "HEAD").constant == whole


@pytest.mark.parametrize("way", ["cut", "asgi_cut"])
def test_cut_into_single_bytes(ways: Ways, catalogue: dict[str, bytes], way: str) -> None:
    differing = {}
    for name, request in catalogue.items():
        ways.cuts.positions, ways.cuts.is_minced = (), False
        whole = exchange(getattr(ways, way), request)
        ways.cuts.is_minced = True
        minced = exchange(getattr(ways, way), request)
        ways.cuts.is_minced = False
        if minced != whole:
            differing[name] = (whole, minced)
    assert differing == {}
