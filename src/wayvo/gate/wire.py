"""A request and an answer as the machine door sees them: bytes, no framework."""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from wayvo.core import problem_json
from wayvo.core.errors import Problem
from wayvo.core.header_fields import Fields
from wayvo.verify.handler import Loaded, Missing

Headers = Sequence[tuple[bytes, bytes]]

CLOSING: Final = ((b"connection", b"close"),)
JSON: Final = b"content-type: application/json\r\n"


class Request(msgspec.Struct, frozen=True, gc=False):
    """A request whose body has arrived whole (or is not wanted)."""

    method: str
    path: str
    query: bytes
    fields: Fields
    body: bytes
    peer: str
    request_id: str

    def __repr__(self) -> str:
        return f"Request({self.request_id})"


class Answer(msgspec.Struct, frozen=True, gc=False):
    """An answer. ``head`` is its own headers as they go out, each with its line's end; the rest is added on the way."""

    status: int
    head: bytes
    body: bytes

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Return ``head`` taken apart, as ASGI wants it."""
        lines = self.head.split(b"\r\n")[:-1]
        return [(name, value) for name, _, value in (line.partition(b": ") for line in lines)]


def announced_bytes(fields: Fields) -> int:
    """Return the length that a request's body is said to have; 0 if it says none."""
    return int(fields.get(b"content-length", b"0")[:20])


Handler = Callable[[Request, Loaded], Answer | Missing]
"""Answers from memory, or says what is missing and is called again with it."""


class Problems:
    """Renders problems for the machine door."""

    def __init__(self, public_url: str) -> None:
        self._public_url = public_url

    def answer(self, problem: Problem, request_id: str, extra: Headers = ()) -> Answer:
        """Return a problem as an answer."""
        headers = [(b"content-type", problem_json.CONTENT_TYPE.encode())]
        headers += [(name.lower().encode(), value.encode()) for name, value in problem_json.headers(problem).items()]
        body = problem_json.render(problem, self._public_url, request_id)
        return Answer(problem.status, head_of((*headers, *extra)), body)


def head_of(headers: Headers) -> bytes:
    """Return headers as they go out."""
    return b"".join(b"%b: %b\r\n" % header for header in headers)
