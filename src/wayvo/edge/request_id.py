"""Every request has an id: in its answer, in the logs, in its problem document."""

import itertools
import re
from collections.abc import Callable
from typing import Final

from wayvo.core.header_fields import Fields, fields_of
from wayvo.core.networks import Networks
from wayvo.edge.asgi import REQUEST_ID, Application, Message, Receive, Scope, Send

_HEADER: Final = b"x-request-id"
_ACCEPTED: Final = re.compile(rb"[A-Za-z0-9_-]{8,64}")
_RANDOM_BYTES: Final = 8


class RequestIds:
    """Makes ids: what is random once a process, and a count. They tell requests apart and keep no secret."""

    def __init__(self, entropy: Callable[[int], bytes], trusted_proxies: Networks) -> None:
        self._process = entropy(_RANDOM_BYTES).hex()
        self._count = itertools.count()
        self._trusted_proxies = trusted_proxies

    def new(self) -> str:
        """Return an id that no other request has."""
        return f"req_{self._process}{next(self._count):08x}"

    def of(self, peer: str, fields: Fields) -> str:
        """Return a request's id: a trusted proxy's own if it looks like one, else a new one."""
        given = fields.get(_HEADER)
        if given is not None and peer in self._trusted_proxies and _ACCEPTED.fullmatch(given):
            return given.decode()
        return self.new()


class RequestId:
    """Gives each request its id."""

    def __init__(self, application: Application, request_ids: RequestIds) -> None:
        self._application = application
        self._request_ids = request_ids

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        client = scope.get("client")
        request_id = self._request_ids.of(client[0] if client else "", fields_of(scope["headers"]))
        scope[REQUEST_ID] = request_id

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (_HEADER, request_id.encode())]
            await send(message)

        await self._application(scope, receive, send_with_id)
