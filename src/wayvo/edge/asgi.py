"""ASGI in a few words: its types, and reading a body that may be too long."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

REQUEST_ID: Final = "wayvo.request_id"
ROUTE: Final = "wayvo.route"


class BodyOverLimit(Exception):
    """The body is longer than its limit; the rest of it was not read."""


class ClientGone(Exception):
    """The client went away before its request was whole."""


def request_id_of(scope: Scope) -> str:
    """Return the id that :mod:`wayvo.edge.request_id` gave the request."""
    request_id: str = scope[REQUEST_ID]
    return request_id


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """Return the whole body, reading never more than ``limit`` bytes and a chunk."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and int(value[:20]) > limit:
            raise BodyOverLimit
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise BodyOverLimit
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)
