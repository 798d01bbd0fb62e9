"""A request that two readers could take for two different ones is none: refused, and nothing behind it is answered."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.harness.server import RunningServer
from tests.lane.catalogue import raw
from tests.lane.watched import Watched

SMUGGLED: Final = raw("GET /healthz", "X-Request-Id: must-not-be-answered")
TARGETS: Final = {"lane": "POST /v1/verify", "asked": "POST /v1/forward-auth", "management": "POST /v1/api-keys"}
CHUNKED: Final = b"Transfer-Encoding: chunked\r\n\r\n"

HEADS: Final[Mapping[str, bytes]] = {
    "a length and chunks": b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and a length": b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "two lengths": b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nxxxxx",
    "one length twice": b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nxxxxx",
    "a list of lengths": b"Content-Length: 5, 5\r\n\r\nxxxxx",
    "a negative length": b"Content-Length: -5\r\n\r\nxxxxx",
    "a length with a sign": b"Content-Length: +5\r\n\r\nxxxxx",
    "a length in hex": b"Content-Length: 0x5\r\n\r\nxxxxx",
    "a length with a space": b"Content-Length: 5 5\r\n\r\nxxxxx",
    "no length": b"Content-Length:\r\n\r\nxxxxx",
    "a length beyond 64 bits": b"Content-Length: 18446744073709551621\r\n\r\nxxxxx",
    "chunked twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked, then another coding": b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "chunked, then identity": b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "a coding with a control character": b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "a coding with NUL": b"Transfer-Encoding: chunked\0\r\n\r\n0\r\n\r\n",
    "a space before the colon": b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "a length, a space before its colon": b"Content-Length : 5\r\n\r\nxxxxx",
    "a folded line": b"X-A: b\r\n c\r\n\r\n",
    "a folded coding": b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "a line ended by LF": b"X-A: b\nX-C: d\r\n\r\n",
    "a head ended by LF": b"X-A: b\n\n",
    "a head ended by CRLF LF": b"X-A: b\r\n\n",
    "a line ended by CR": b"X-A: b\rX-C: d\r\n\r\n",
    "a line that begins with a space": b" X-A: b\r\n\r\n",
    "a line without a colon": b"X-A\r\n\r\n",
    "an empty name": b": b\r\n\r\n",
    "a name with a space": b"X A: b\r\n\r\n",
    "a name with NUL": b"X\0A: b\r\n\r\n",
    "a name outside ASCII": b"X\xe9: b\r\n\r\n",
    "a value with NUL": b"X-A: b\0c\r\n\r\n",
    "a value with a control character": b"X-A: b\x01c\r\n\r\n",
}
CODINGS: Final[Mapping[str, bytes]] = {
    name: b"Transfer-Encoding: %b\r\n\r\n0\r\n\r\n" % coding
    for name, coding in {
        "identity": b"identity",
        "gzip": b"gzip",
        "a parameter": b"chunked;q=1",
        "another name": b"xchunked",
        "quotes": b'"chunked"',
    }.items()
}
BODIES: Final[Mapping[str, bytes]] = {
    name: CHUNKED + body
    for name, body in {
        "no size": b"\r\n\r\n",
        "no hex": b"x\r\n\r\n",
        "a prefix": b"0x5\r\nhello\r\n0\r\n\r\n",
        "a negative size": b"-5\r\nhello\r\n0\r\n\r\n",
        "a sign": b"+5\r\nhello\r\n0\r\n\r\n",
        "a space behind": b"5 \r\nhello\r\n0\r\n\r\n",
        "a space before": b" 5\r\nhello\r\n0\r\n\r\n",
        "beyond 64 bits": b"10000000000000005\r\nhello\r\n0\r\n\r\n",
        "a chunk that is longer than its size": b"4\r\nhello\r\n0\r\n\r\n",
        "a size ended by LF": b"5\nhello\r\n0\r\n\r\n",
        "a chunk ended by LF": b"5\r\nhello\n0\r\n\r\n",
        "an extension with LF": b"5;a\nb\r\nhello\r\n0\r\n\r\n",
        "a trailer with a space before the colon": b"0\r\nX : y\r\n\r\n",
        "a trailer ended by LF": b"0\r\nX: y\n\r\n",
        "a trailer with another length": b"0\r\nContent-Length: 5\r\n\r\n",
    }.items()
}


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """A server."""
    folder: Path = tmp_path_factory.mktemp("server")
    with RunningServer(folder) as server:
        yield Watched(server)


def request(watched: Watched, target: str, rest: bytes) -> bytes:
    return f"{target} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {watched.server.key}\r\n".encode() + rest


def is_refused(watched: Watched, data: bytes, *, in_two: int | None = None) -> bool:
    """Say whether it is answered by one refusal that ends the connection."""
    with watched.connect(data[:in_two]) as connection:
        connection.send(b"" if in_two is None else data[in_two:])
        answer = connection.answer()
        assert connection.rest() == b"", "what came behind was answered"
    return (answer.status, answer.is_last, answer.problem["code"]) == (400, True, "invalid_request")


@pytest.mark.parametrize("way", TARGETS)
@pytest.mark.parametrize("shape", HEADS)
def test_a_head_that_means_two_things_is_refused(watched: Watched, shape: str, way: str) -> None:
    assert is_refused(watched, request(watched, TARGETS[way], HEADS[shape]) + SMUGGLED)


@pytest.mark.parametrize("way", ["lane", "management"])
@pytest.mark.parametrize("shape", [*CODINGS, *BODIES])
def test_a_body_that_is_framed_wrongly_is_refused_whenever_it_comes(watched: Watched, shape: str, way: str) -> None:
    data = request(watched, TARGETS[way], {**CODINGS, **BODIES}[shape])
    assert is_refused(watched, data + SMUGGLED)
    if shape in BODIES:
        assert is_refused(watched, data + SMUGGLED, in_two=data.index(b"\r\n\r\n") + 4)


@pytest.mark.parametrize("shape", [*CODINGS, *BODIES])
def test_who_is_answered_before_the_body_gets_no_second_answer_for_it(watched: Watched, shape: str) -> None:
    data = request(watched, TARGETS["asked"], {**CODINGS, **BODIES}[shape])
    with watched.connect(data + SMUGGLED) as connection:
        assert connection.answer().status == 200
        assert connection.rest() == b""


@pytest.mark.parametrize("shape", BODIES)
def test_a_broken_body_behind_a_refusal_of_the_ordinary_way_gets_no_second_answer(watched: Watched, shape: str) -> None:
    head, _, body = BODIES[shape].partition(b"\r\n\r\n")
    with watched.connect(b"POST /v1/api-keys HTTP/1.1\r\nHost: a\r\n" + head + b"\r\n\r\n") as connection:
        assert connection.answer().status == 401
        connection.send(body + SMUGGLED)
        assert connection.rest() == b""


@pytest.mark.parametrize("way", ["lane", "management"])
def test_a_trailer_is_no_header(watched: Watched, way: str) -> None:
    authorization = f"Authorization: Bearer {watched.server.key}\r\n".encode()
    head = f"{TARGETS[way]} HTTP/1.1\r\nHost: a\r\n".encode() + CHUNKED
    with watched.connect(head + b"2\r\n{}\r\n0\r\n" + authorization + b"\r\n") as connection:
        answer = connection.answer()
        assert (answer.status, answer.problem["code"]) == (401, "missing_credential")


@pytest.mark.parametrize(
    "preface",
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\0" * 100, b"GET\r\n\r\n"],
)
def test_what_is_no_http_1_is_refused(watched: Watched, preface: bytes) -> None:
    assert is_refused(watched, preface + SMUGGLED)
