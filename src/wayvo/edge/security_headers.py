"""Headers that every answer carries, for whatever reads it: nothing is sniffed, framed, cached or sent on."""

from typing import Final

from wayvo.edge.asgi import Application, Message, Receive, Scope, Send

_ALWAYS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
)
_POLICY: Final = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
_UNCACHED: Final = (b"cache-control", b"no-store")
_HSTS: Final = (b"strict-transport-security", b"max-age=31536000")


def machine_headers(*, is_https: bool) -> tuple[tuple[bytes, bytes], ...]:
    """Return what an answer without headers of its own gets, in the order in which it gets it."""
    return (*(_ALWAYS if not is_https else (*_ALWAYS, _HSTS)), _POLICY, _UNCACHED)


class SecurityHeaders:
    """Adds them; an application's own Content-Security-Policy or Cache-Control stands."""

    def __init__(self, application: Application, *, is_https: bool) -> None:
        self._application = application
        self._always = (*_ALWAYS, _HSTS) if is_https else _ALWAYS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                names = {name for name, _ in message["headers"]}
                defaults = [header for header in (_POLICY, _UNCACHED) if header[0] not in names]
                message["headers"] = [*message["headers"], *self._always, *defaults]
            await send(message)

        await self._application(scope, receive, send_with_headers)
