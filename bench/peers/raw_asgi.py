"""The least that Python can do on uvicorn: an ASGI application that answers everything with the same bytes."""

from typing import Any, Final

START: Final = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]}
BODY: Final = {"type": "http.response.body", "body": b""}


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer."""
    await send(START)
    await send(BODY)
