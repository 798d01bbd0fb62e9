"""The ordinary request is read as the parser reads it, or it is left to the parser."""

import os
from collections.abc import Sequence
from random import Random
from typing import Final

import httptools
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wayvo.core.header_fields import Fields, fields_of
from wayvo.core.networks import compile_networks
from wayvo.edge.request_id import RequestIds
from wayvo.gate.lanes import LaneHandler, Lanes
from wayvo.gate.ordinary_request import MAX_KEPT, OrdinaryRequests
from wayvo.gate.wire import Answer, Request
from wayvo.verify.handler import Loaded

PEER: Final = "192.0.2.1"
BODY_BYTES: Final = 40
SECRET: Final = "wv_live_0123456789"


def answer(_request: Request, _loaded: Loaded) -> Answer:
    """Answer nothing: no request is answered here."""
    raise NotImplementedError


LANES: Final = Lanes(
    LaneHandler("/v1/verify", answer, max_body_bytes=BODY_BYTES),
    LaneHandler("/v1/forward-auth", answer, max_body_bytes=None, takes_below=True),
)


def reader() -> OrdinaryRequests:
    return OrdinaryRequests(LANES, RequestIds(os.urandom, compile_networks(())))


class Parsed:
    """What the parser makes of bytes: every message that is complete, and what has only begun."""

    def __init__(self, data: bytes) -> None:
        self.messages: list[tuple[str, bytes, Fields, bytes]] = []
        self.is_plain = True
        self.is_in_message = False
        self._parser = httptools.HttpRequestParser(self)
        self._parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self.is_in_message = True
        self._url, self._body = b"", b""
        self._headers: list[tuple[bytes, bytes]] = []

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value))

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        parser = self._parser
        self.is_plain &= parser.get_http_version() == "1.1" and parser.should_keep_alive()
        self.is_plain &= not parser.should_upgrade() and not fields_of(self._headers).keys() & {b"expect"}
        self.messages.append((parser.get_method().decode(), self._url, fields_of(self._headers), self._body))
        self.is_in_message = False


def read_alike(requests: OrdinaryRequests, data: bytes) -> bool:
    """Say whether a request is read without the parser; see that the parser reads it alike."""
    found = requests.read(data, PEER)
    if found is None:
        return False
    lane, request = found
    parsed = Parsed(data)
    [(method, url, fields, body)] = parsed.messages
    assert parsed.is_plain
    assert not parsed.is_in_message
    path, _, query = url.partition(b"?")
    assert (request.method, request.path.encode(), request.query) == (method, path, query)
    assert (request.fields, request.body, request.peer) == (fields, body, PEER)
    assert lane is LANES.find(path)
    return True


def written(start: bytes, lines: Sequence[bytes], body: bytes = b"") -> bytes:
    length = (b"Content-Length: %d" % len(body),) if body else ()
    return b"\r\n".join((start, *lines, *length, b"", body))


ORDINARY: Final = (
    written(b"GET /v1/forward-auth?audience=https://a.example&scopes=a:b HTTP/1.1", (b"Host: a", b"Accept: */*")),
    written(b"GET /v1/forward-auth HTTP/1.1", (b"host: a", b"connection: keep-alive", b"authorization: Bearer x")),
    written(b"GET /v1/forward-auth/orders/17?a=b?c HTTP/1.1", (b"Host: a", b"User-Agent: a b  c: d ")),
    written(b"POST /v1/verify HTTP/1.1", (b"Authorization: Bearer x", b"X_y-1:", b"X:  z"), b'{"credential": "x"}'),
    written(b"POST /v1/verify? HTTP/1.1", (b"Host: a", b"Content-Length: 0")),
    written(b"GET /v1/verify?mode=live HTTP/1.1", (b"Wayvo-Credential: x",), b"\r\n\r\n\xff\0"),
    written(b"POST /v1/verify HTTP/1.1", (b"Host: a",), b"x" * BODY_BYTES),
    written(b"GET /v1/forward-auth HTTP/1.1", ()),
)

DOUBTFUL: Final = {
    "nothing": b"",
    "half a line": b"GET /v1/forward-auth HT",
    "no end": b"GET /v1/forward-auth HTTP/1.1\r\nHost: a\r\n",
    "an empty line before": b"\r\n" + ORDINARY[0],
    "another request behind": ORDINARY[0] + ORDINARY[1],
    "half a request behind": ORDINARY[3] + b"G",
    "half a body": ORDINARY[3][:-1],
    "another method": ORDINARY[0].replace(b"GET", b"PUT"),
    "a method in lower case": ORDINARY[0].replace(b"GET", b"get"),
    "HTTP/1.0": ORDINARY[0].replace(b"HTTP/1.1", b"HTTP/1.0"),
    "two spaces": ORDINARY[0].replace(b" HTTP", b"  HTTP"),
    "another path": ORDINARY[0].replace(b"forward-auth", b"whoami"),
    "an absolute target": ORDINARY[1].replace(b" /v1", b" http://a/v1"),
    "a fragment": ORDINARY[1].replace(b"auth HTTP", b"auth#a HTTP"),
    "an escaped path": ORDINARY[2].replace(b"orders", b"%2e%2e"),
    "a longer body than the lane takes": written(b"POST /v1/verify HTTP/1.1", (), b"x" * (BODY_BYTES + 1)),
    "a body that the lane does not wait for": written(b"POST /v1/forward-auth HTTP/1.1", (), b"x"),
    "a body without its length": written(b"POST /v1/verify HTTP/1.1", (b"Host: a",)) + b"x",
    **{
        f"the line {line!r}": written(b"POST /v1/verify HTTP/1.1", (b"Host: a", line))
        for line in (
            b"Host: a",
            b"HOST: b",
            b"Connection: close",
            b"Connection: Keep-Alive",
            b"Connection: keep-alive, upgrade",
            b"Proxy-Connection: close",
            b"Transfer-Encoding: chunked",
            b"Content-Length: +0",
            b"Content-Length: 00",
            b"Content-Length: ",
            b"Content-Length: 0 ",
            b"Content-Length: 0, 0",
            b"Expect: 100-continue",
            b"Upgrade: h2c",
            b"X:y",
            b"X : y",
            b"X",
            b": y",
            b" folded",
            b"\tfolded",
            b"X: \ty",
            b"X: \xe9",
            b"X: \0",
            b"X: \x7f",
            b"X: y\rz",
            b"X: y\nZ: z",
            b"X: y\r\r",
            b"X(): y",
            b"X" * 65 + b": y",
        )
    },
}


@pytest.mark.parametrize("data", ORDINARY)
def test_an_ordinary_request_is_read_without_the_parser_and_alike(data: bytes) -> None:
    requests = reader()
    assert read_alike(requests, data)
    assert read_alike(requests, data), "what is kept is another"


@pytest.mark.parametrize("data", DOUBTFUL.values(), ids=DOUBTFUL)
def test_what_leaves_a_doubt_is_left_to_the_parser(data: bytes) -> None:
    requests = reader()
    for ordinary in ORDINARY:
        requests.read(ordinary, PEER)
    assert requests.read(data, PEER) is None


@pytest.mark.parametrize("data", ORDINARY)
def test_a_request_cut_short_or_followed_by_anything_is_left_to_the_parser(data: bytes) -> None:
    requests = reader()
    assert [at for at in range(len(data)) if requests.read(data[:at], PEER)] == []
    assert [byte for byte in range(256) if requests.read(data + bytes((byte,)), PEER)] == []


PIECES: Final = (
    *(bytes((byte,)) for byte in range(256)),
    *(
        b"\r\n",
        b"\r\n\r\n",
        b"\n\n",
        b"\r\r\n",
        b"\r\n ",
        b": ",
        b" :",
        b":  ",
        b"?",
        b"#",
        b"//",
        b"%2e",
        b" HTTP/1.1",
    ),
    *(b"Content-Length: 1\r\n", b"Content-Length: 0\r\n", b"content-length:", b"Transfer-Encoding: chunked\r\n"),
    *(b"Connection: close\r\n", b"Connection: keep-alive\r\n", b"Proxy-Connection: close\r\n", b"Keep-Alive: 1\r\n"),
    *(b"Upgrade: x\r\nConnection: upgrade\r\n", b"Expect: 100-continue\r\n", b"X-A: b\r\n", b"X-B:\r\n", b"1\r\nx\r\n"),
)


def mutated(random: Random, data: bytes) -> bytes:
    """Put something in, take something out, or repeat something, up to three times."""
    for _ in range(random.randint(1, 3)):
        at, to = sorted((random.randint(0, len(data)), random.randint(0, len(data))))
        piece = random.choice(PIECES)
        data = random.choice(
            (
                data[:at] + piece + data[at:],
                data[:at] + piece + data[at + len(piece) :],
                data[:at] + data[at + 1 :],
                data[:at] + data[to:],
                data[:to] + data[at:],
            )
        )
    return data


@settings(max_examples=300, deadline=None)
@given(random=st.randoms(use_true_random=False), ordinary=st.sampled_from(ORDINARY))
def test_what_is_read_of_a_mutated_request_is_what_the_parser_reads(random: Random, ordinary: bytes) -> None:
    requests = reader()
    for _ in range(20):
        read_alike(requests, mutated(random, ordinary))


def test_enough_mutated_requests_are_read_and_enough_are_not() -> None:
    random, requests = Random(17), reader()
    read = sum(read_alike(requests, mutated(random, random.choice(ORDINARY))) for _ in range(20_000))
    assert 1_000 < read < 19_000


names = st.text("ABCabc-_019", min_size=1, max_size=12)
values = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=30)


@given(
    start=st.sampled_from((b"GET /v1/forward-auth HTTP/1.1", b"POST /v1/verify HTTP/1.1")),
    headers=st.dictionaries(names.map(str.lower), values, max_size=12),
    spaces=st.integers(1, 3),
    body=st.binary(max_size=BODY_BYTES),
)
def test_every_plain_request_is_ordinary(start: bytes, headers: dict[str, str], spaces: int, body: bytes) -> None:
    lines = [f"{name}:{' ' * spaces}{value}".encode() for name, value in headers.items()]
    assert read_alike(reader(), written(start, lines, body if b"verify" in start else b""))


@given(character=st.integers(0x20, 0x7E), place=st.sampled_from((b"/v1/forward-auth/a%bb", b"/v1/forward-auth?a%bb")))
def test_a_target_with_any_character_is_read_alike_or_left(character: int, place: bytes) -> None:
    is_read = read_alike(reader(), written(b"GET " + place % bytes((character,)) + b" HTTP/1.1", (b"Host: a",)))
    assert is_read or chr(character) in " #%"


def test_what_strangers_send_does_not_grow_what_is_kept() -> None:
    requests = reader()
    for number in range(3 * MAX_KEPT):
        start = b"GET /v1/forward-auth?a=%d HTTP/1.1" % number
        assert requests.read(written(start, (b"X-%d: y" % number,)), PEER)
        assert len(requests._names) <= MAX_KEPT
        assert len(requests._starts) <= MAX_KEPT
    kept = len(requests._starts)
    assert requests.read(written(b"GET /v1/forward-auth?a=%b HTTP/1.1" % (b"x" * 600), ()), PEER)
    assert len(requests._starts) == kept, "a line of any length is kept"


def test_no_value_of_a_field_is_kept_and_no_target_of_a_clients() -> None:
    requests = reader()
    for start in (b"GET /v1/forward-auth", b"GET /v1/forward-auth/%b?token=%b" % (SECRET.encode(), SECRET.encode())):
        lines = (f"Authorization: Bearer {SECRET}".encode(), f"Cookie: {SECRET}".encode())
        assert requests.read(written(start + b" HTTP/1.1", lines), PEER)
    assert requests._names
    assert requests._starts
    assert SECRET not in f"{requests._names}{requests._starts}"
