"""Every request has an id: in its answer, in the logs, in its problem document."""

import re
from collections.abc import Callable
from typing import Final

from wayvo.core.networks import Networks
from wayvo.edge.asgi import REQUEST_ID, Application, Message, Receive, Scope, Send

_HEADER: Final = b"x-request-id"
_ACCEPTED: Final = re.compile(rb"[A-Za-z0-9_-]{8,64}")
_RANDOM_BYTES: Final = 12


class RequestId:
    """Gives each request an id; a trusted proxy's own is taken over if it looks like one."""

    def __init__(self, application: Application, entropy: Callable[[int], bytes], trusted_proxies: Networks) -> None:
        self._application = application
        self._entropy = entropy
        self._trusted_proxies = trusted_proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        request_id = self._given(scope) or f"req_{self._entropy(_RANDOM_BYTES).hex()}"
        scope[REQUEST_ID] = request_id

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (_HEADER, request_id.encode())]
            await send(message)

        await self._application(scope, receive, send_with_id)

    def _given(self, scope: Scope) -> str | None:
        client = scope.get("client")
        if not client or client[0] not in self._trusted_proxies:
            return None
        given = [value for name, value in scope["headers"] if name == _HEADER]
        return given[0].decode() if len(given) == 1 and _ACCEPTED.fullmatch(given[0]) else None
