"""How much a request may have: a head, a URL, a body that is over its bound is refused, and nothing behind it read."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.server import RunningServer
from tests.lane.catalogue import bearer, chunked, raw
from tests.lane.watched import BOTH, LANE, Watched, nobody

HEAD_BYTES, URL_BYTES, BODY_BYTES = 16_384, 8_192, {"lane": 16_384, "management": 65_536}
EVERY_WAY = pytest.mark.parametrize("way", BOTH)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """A server with the bounds that it has by default."""
    folder: Path = tmp_path_factory.mktemp("server")
    with RunningServer(folder) as server:
        yield Watched(server)


def refusal(watched: Watched, request: bytes) -> tuple[int, str]:
    """Return how a request is refused, after which the connection must be over, whatever comes behind it."""
    with watched.connect() as connection:
        connection.try_to_send(request + nobody(LANE))
        answer = connection.answer()
        assert answer.is_last
        assert connection.rest() == b"", "what came behind was answered"
    return answer.status, answer.problem["code"]


def padded(watched: Watched, way: str, size: int, lines: int = 1) -> bytes:
    """Return a request whose headers have so many bytes, with ``lines`` headers of padding."""
    request = watched.head(way)
    missing = size - (len(request.partition(b"\r\n")[2]) - 2)
    share, rest = divmod(missing, lines)
    fill = b"".join(b"X: %b\r\n" % (b"x" * (share + (rest if line == 0 else 0) - 5)) for line in range(lines))
    return request[:-2] + fill + b"\r\n"


@EVERY_WAY
@pytest.mark.parametrize("lines", [1, 500])
def test_headers_may_have_16_kibibytes(watched: Watched, way: str, lines: int) -> None:
    with watched.connect() as connection:
        assert connection.ask(padded(watched, way, HEAD_BYTES, lines)).status == 200
    assert refusal(watched, padded(watched, way, HEAD_BYTES + 1, lines)) == (431, "headers_too_large")
    assert refusal(watched, padded(watched, way, 30_000, lines)) == (431, "headers_too_large")


@EVERY_WAY
def test_a_url_may_have_8_kibibytes(watched: Watched, way: str) -> None:
    start = "/v1/forward-auth/" if way == LANE else "/v1/whoami/"
    longest = start.ljust(URL_BYTES, "x")
    with watched.connect() as connection:
        answer = connection.ask(raw(f"GET {longest}", bearer(watched.server.key)))
        assert answer.status == (200 if way == LANE else 404)
    assert refusal(watched, raw(f"GET {longest}x")) == (414, "url_too_long")
    assert refusal(watched, raw(f"GET {start}?{'x' * URL_BYTES}")) == (414, "url_too_long")


@EVERY_WAY
def test_a_refused_head_waits_for_no_body_and_takes_nothing_from_the_answer_before_it(
    watched: Watched, way: str
) -> None:
    long = padded(watched, way, HEAD_BYTES + 1)[:-2] + b"Content-Length: 5\r\n\r\n"
    with watched.connect() as connection:
        connection.send(watched.head(way) + long)
        first = connection.answer()
        assert first.status == 200
        if not first.is_last:
            assert connection.answer().status == 431
        assert connection.rest() == b""


@EVERY_WAY
def test_a_body_over_its_bound_is_refused_by_what_it_announces(watched: Watched, way: str) -> None:
    most = BODY_BYTES[way]
    with watched.connect(watched.head(way, f"Content-Length: {most + 1}", method="POST")) as connection:
        answer = connection.answer()
        assert (answer.status, answer.problem["code"]) == (413, "body_too_large")
        # It is heard out, and not for ever.
        watched.send(connection, b"x")
        assert not connection.is_ended()
        watched.turn(watched.limits.body_seconds + 1)
        assert connection.rest() == b""
    with watched.connect() as connection:
        # The longest is read to its end, and found to be no JSON.
        body = b" " * most
        answer = connection.ask(watched.head(way, f"Content-Length: {most}", method="POST") + body)
        assert answer.status == 400


@EVERY_WAY
@pytest.mark.parametrize("size", [1, 4096, 60_000])
def test_a_body_in_chunks_is_refused_as_soon_as_it_is_over_its_bound(watched: Watched, way: str, size: int) -> None:
    most = BODY_BYTES[way]
    head = watched.head(way, "Transfer-Encoding: chunked", method="POST")
    sizes = [size] * (most // size + 1)
    whole = chunked(b" " * most, *sizes)
    with watched.connect() as connection:
        assert connection.ask(head + whole).status == 400
    with watched.connect() as connection:
        connection.send(head + chunked(b" " * (most + 1), *sizes).removesuffix(b"0\r\n\r\n"))
        # It never ends, and is answered all the same.
        assert connection.answer().status == 413
        watched.turn(watched.limits.body_seconds + 1)
        assert connection.rest() == b""


@EVERY_WAY
def test_tiny_chunks_do_not_make_a_body_too_long(watched: Watched, way: str) -> None:
    head = watched.head(way, "Transfer-Encoding: chunked", method="POST")
    with watched.connect() as connection:
        body = b'{"x": 1}'.ljust(10_000)
        assert connection.ask(head + chunked(body, *([1] * len(body)))).status == 422


def test_what_stands_between_the_parts_of_a_body_is_bounded(watched: Watched) -> None:
    for way in BOTH:
        head = watched.head(way, "Transfer-Encoding: chunked", method="POST")
        for part in (b"1;" + b"x" * 40_000, b"0\r\n" + b"X: y\r\n" * 8_000, b"0\r\nX: " + b"y" * 40_000):
            assert refusal(watched, head + part) == (400, "invalid_request")
        # Behind an answer there is nothing to be said any more.
        for part in (b"1;" + b"x" * 40_000, b"0\r\nX: " + b"y" * 40_000):
            with watched.connect(raw("POST /v1/forward-auth", "Transfer-Encoding: chunked")) as connection:
                assert connection.answer().status == 401
                connection.try_to_send(part)
                assert connection.rest() == b""
