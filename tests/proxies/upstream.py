"""An API behind a proxy that answers with what it got."""

import asyncio
import hashlib
import json
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import uvicorn

from tests.harness.server import free_port

Message = MutableMapping[str, Any]


@dataclass(frozen=True, slots=True)
class Got:
    """A request as it reached the upstream. Header names are in lower case."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body_bytes: int
    body_sha256: str

    def values(self, name: str) -> list[str]:
        """Return every value of a header."""
        return [value for each, value in self.headers if each == name.lower()]


class Upstream:
    """The API. ``got`` is every request that reached it."""

    def __init__(self) -> None:
        self.port = free_port()
        self.got: list[Got] = []
        self._ready = threading.Event()
        config = uvicorn.Config(
            self, port=self.port, lifespan="off", log_config=None, ws="none", timeout_keep_alive=600
        )
        self._server = _Server(config, self._ready)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._server.serve()), name="upstream")

    async def __call__(
        self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        digest = hashlib.sha256()
        length = 0
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return
            digest.update(message["body"])
            length += len(message["body"])
            if not message["more_body"]:
                break
        query = scope["query_string"]
        got = Got(
            method=scope["method"],
            target=(scope["raw_path"] + (b"?" + query if query else b"")).decode("latin-1"),
            headers=tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]),
            body_bytes=length,
            body_sha256=digest.hexdigest(),
        )
        self.got.append(got)
        body = json.dumps(got.target).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"x-answered-by", b"the upstream"),
        ]
        # What it is told to answer: an API has errors of its own.
        status = int(dict(got.headers).get("x-answer", "200"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(60)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join(60)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: threading.Event) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self._ready.set()
