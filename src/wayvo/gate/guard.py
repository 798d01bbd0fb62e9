"""What the connections of a server share: the lanes, the limits, the time.

A server that reads whatever comes can be made to keep it: heads that never end, requests that are never finished,
answers that are never read. Each of these has a bound here, and what goes over it ends its own connection only.
"""

import asyncio
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Protocol

from wayvo.edge.request_id import RequestIds
from wayvo.gate.lanes import Lanes
from wayvo.gate.ordinary_request import OrdinaryRequests
from wayvo.gate.wire import Headers, Problems, head_of

CHECK_SECONDS: Final = 1.0


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The bounds. ``slice_bytes`` is how much of what came is parsed before other connections have their turn."""

    connections: int = 10_000
    head_bytes: int = 16_384
    url_bytes: int = 8_192
    slice_bytes: int = 8_192
    message_bytes: int = 1_048_576
    head_seconds: float = 10.0
    body_seconds: float = 30.0
    idle_seconds: float = 75.0
    write_seconds: float = 30.0

    @cached_property
    def ordinary_bytes(self) -> int:
        """How long a request may be that no other bound has to be looked at for."""
        return min(self.head_bytes, self.url_bytes, self.slice_bytes, self.message_bytes)


class Connection(Protocol):
    """A connection as its guard sees it."""

    def check_time(self, now: float) -> None:
        """End the connection if what it does takes too long."""
        ...

    def give_up(self) -> None:
        """Answer what has not come whole, and end; called when the server ends."""
        ...


class Guard:
    """Watches over connections. ``now`` is the loop's time to the second, so that a connection need not ask for it."""

    def __init__(
        self,
        lanes: Lanes,
        problems: Problems,
        *,
        request_ids: RequestIds,
        security_headers: Headers,
        limits: Limits,
    ) -> None:
        self.lanes = lanes
        self.problems = problems
        self.request_ids = request_ids
        self.ordinary = OrdinaryRequests(lanes, request_ids)
        self.security_head = head_of(security_headers)
        self.limits = limits
        self.connections: set[Connection] = set()
        self.now = 0.0
        self._defaults: list[tuple[bytes, bytes]] = []
        self._default_head = b""

    def default_head(self, headers: list[tuple[bytes, bytes]]) -> bytes:
        """Return the server's own headers (the date) as they go out; it makes a new list of them each second."""
        if headers is not self._defaults:
            self._defaults = headers
            self._default_head = head_of(headers)
        return self._default_head

    def give_up(self) -> None:
        """End every connection that is left when the server has waited long enough."""
        for connection in tuple(self.connections):
            connection.give_up()

    def check(self, now: float) -> None:
        """Note what time it is, and end the connections whose time is over."""
        self.now = now
        for connection in tuple(self.connections):
            connection.check_time(now)

    async def watch(self) -> None:
        """Check the time every second, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            self.check(loop.time())
            await asyncio.sleep(CHECK_SECONDS)
