"""The ordinary request, read in one pass: what comes again and again, all of it in one piece, written without a quirk.

The parser calls back for every part of a request, and each call costs more than the reading. Here a request of a lane
is taken apart at its line ends instead, if it leaves no room for a second reading: GET or POST, printable ASCII, every
name once, nothing about its framing but a ``Content-Length`` that is true. Whatever else comes is not judged here, and
is the parser's. What is accepted the parser would read alike; a test holds both side by side.
"""

import re
from typing import Final

import msgspec

from wayvo.edge.request_id import RequestIds
from wayvo.gate.lanes import LaneHandler, Lanes
from wayvo.gate.wire import Request

MAX_KEPT: Final = 256
MAX_KEPT_LINE_BYTES: Final = 512

_PRINTABLE: Final = bytes(range(0x20, 0x7F))
_REQUEST_LINE: Final = re.compile(rb"(GET|POST) (/[!-\"$->@-~]*)(?:\?([!-\"$-~]*))? HTTP/1\.1")
_NAME: Final = re.compile(rb"[A-Za-z0-9_-]{1,64}:")
_DOUBTFUL: Final = frozenset((b"transfer-encoding", b"expect", b"upgrade", b"proxy-connection"))
"""What changes how a request is framed or answered. The parser takes ``Proxy-Connection`` for ``Connection``."""
_NO_NAME: Final = b""
_KEEP_ALIVE: Final = b"keep-alive"


class _Start(msgspec.Struct, frozen=True, gc=False):
    """What a request line asks for."""

    lane: LaneHandler
    method: str
    path: str
    query: bytes
    max_body_bytes: int


class _Names(dict[bytes, bytes]):
    """Field names in lower case, by how they are written, with the colon; none for what could mean something else."""

    def __missing__(self, written: bytes) -> bytes:
        name = written[:-1].lower()
        if not _NAME.fullmatch(written) or name in _DOUBTFUL:
            return _NO_NAME
        if len(self) >= MAX_KEPT:
            self.clear()
        self[written] = name
        return name


class OrdinaryRequests:
    """Reads them. Names and request lines come again and again: some hundreds are kept; of fields no value ever is."""

    def __init__(self, lanes: Lanes, request_ids: RequestIds) -> None:
        self._lanes = lanes
        self._request_ids = request_ids
        self._names = _Names()
        self._starts: dict[bytes, _Start] = {}

    def read(self, data: bytes, peer: str) -> tuple[LaneHandler, Request] | None:
        """Return the request that ``data`` is, whole and alone, with its lane; ``None`` if there is any doubt."""
        head, end, body = data.partition(b"\r\n\r\n")
        line, *lines = head.split(b"\r\n")
        start = self._starts.get(line) or self._start(line)
        # What is not printable has to be the line ends at which the head was taken apart, and nothing else.
        if start is None or not end or head.translate(None, _PRINTABLE) != b"\r\n" * len(lines):
            return None
        names = self._names
        fields: dict[bytes, bytes] = {}
        for field in lines:
            name, _, value = field.partition(b" ")
            # As the parser has it: without what stands before the value, with what stands after it.
            fields[names[name]] = value.lstrip()
        if _NO_NAME in fields or len(fields) < len(lines):
            return None
        if fields.get(b"connection", _KEEP_ALIVE) != _KEEP_ALIVE:
            return None
        length = fields.get(b"content-length")
        if (body or length is not None) and (length != b"%d" % len(body) or len(body) > start.max_body_bytes):
            return None
        request_id = self._request_ids.of(peer, fields)
        return start.lane, Request(start.method, start.path, start.query, fields, body, peer, request_id)

    def _start(self, line: bytes) -> _Start | None:
        matched = _REQUEST_LINE.fullmatch(line)
        lane = None if matched is None else self._lanes.find(matched[2])
        if matched is None or lane is None:
            return None
        start = _Start(
            lane, matched[1].decode(), matched[2].decode(), matched[3] or b"", max_body_bytes=lane.max_body_bytes or 0
        )
        # Below a lane's path the line is the client's own, and there may be a secret in it.
        if start.path == lane.path and len(line) <= MAX_KEPT_LINE_BYTES:
            if len(self._starts) >= MAX_KEPT:
                self._starts.clear()
            self._starts[line] = start
        return start
