"""A client of an API that a proxy protects."""

import socket
from collections.abc import Iterable, Sequence
from typing import Any, Final

import httpx

from tests.harness.server import RunningServer
from tests.proxies.upstream import Got, Upstream

ORDERS: Final = "https://orders.example.com"
"""The audience in the examples, which ask for the scope orders:read."""

HERE: Final = "127.0.0.9"
"""An address of this machine that is not the proxies' own, 127.0.0.1."""

Headers = Sequence[tuple[str, str]]


def key_for_orders(server: RunningServer, *scopes: str, **fields: Any) -> str:
    """Return the secret of a new key for the API, with ``orders:read`` unless other scopes are named."""
    secret: str = server.create_key(access={ORDERS: list(scopes or ("orders:read",))}, **fields)["api_key"]
    return secret


class Visitor:
    """Sends requests to the proxy at ``url``, and sees what reaches the upstream."""

    def __init__(self, url: str, upstream: Upstream) -> None:
        self.url = url
        self.upstream = upstream

    def ask(
        self,
        credential: str | None,
        target: str = "/orders/17?full=1&mode=test",
        *,
        method: str = "GET",
        headers: Headers = (),
        content: bytes | Iterable[bytes] | None = None,
        address: str = HERE,
    ) -> tuple[httpx.Response, Got | None]:
        """Return the answer, and what of the request reached the upstream."""
        before = len(self.upstream.got)
        authorization = [] if credential is None else [("Authorization", f"Bearer {credential}")]
        with httpx.Client(transport=httpx.HTTPTransport(local_address=address), timeout=45) as client:
            answer = client.request(method, self.url + target, headers=[*authorization, *headers], content=content)
        got = self.upstream.got[before:]
        assert len(got) <= 1, "one request became several"
        return answer, (got[0] if got else None)

    def send(self, request: bytes) -> bytes:
        """Send these very bytes, and return what comes back until a head is complete or the connection ends."""
        host, _, port = self.url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), timeout=45) as connection:
            connection.sendall(request)
            received = b""
            while b"\r\n\r\n" not in received and (chunk := connection.recv(65_536)):
                received += chunk
        return received
