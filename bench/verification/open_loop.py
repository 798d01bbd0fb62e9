"""How long answers take at a given rate: requests leave by a fixed schedule, whether earlier ones were answered or not.

A client that waits for an answer before it asks again asks less while the server is slow, and so hides what a user
would have felt (coordinated omission). Here a request's time begins when it was due, also if all connections were busy.

One thread looks at the clock and at the sockets without ever sleeping: it needs a core of its own.
"""

import gc
import re
import select
import socket
import time
from collections import Counter, deque
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import cycle
from typing import Final

_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Stream:
    """Requests of one kind at one rate, and how long their answers took."""

    def __init__(self, requests: Sequence[bytes], per_second: float, connections: int) -> None:
        self.seconds: list[float] = []
        self.statuses: Counter[int] = Counter()
        self._requests = cycle(requests)
        self._interval = 1 / per_second
        self._next = 0.0
        self._counted_from = 0.0
        self._connections = connections
        self._idle: list[_Connection] = []
        self._waiting: deque[float] = deque()

    def open(self, stack: ExitStack, port: int, poll: select.epoll) -> dict[int, "_Connection"]:
        """Connect."""
        for _ in range(self._connections):
            connected = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            poll.register(connected, select.EPOLLIN)
            self._idle.append(_Connection(connected, self))
        return {connection.socket.fileno(): connection for connection in self._idle}

    def begin(self, start: float, warm_up: float) -> None:
        """Begin the schedule; what is due during the warm-up is sent and not counted."""
        self._next = start
        self._counted_from = start + warm_up

    def send_due(self, now: float) -> None:
        """Send what is due, as far as there are idle connections."""
        while self._next <= now:
            self._waiting.append(self._next)
            self._next += self._interval
        while self._waiting and self._idle:
            self._idle.pop().send(next(self._requests), self._waiting.popleft())

    def answered(self, connection: "_Connection", status: int, now: float) -> None:
        """Note an answer."""
        if connection.due >= self._counted_from:
            self.seconds.append(now - connection.due)
        self.statuses[status] += 1
        self._idle.append(connection)

    def give_up(self, now: float) -> None:
        """Count what was due and never sent as having taken until now: an overload must not look like speed."""
        self.seconds += [now - due for due in self._waiting if due >= self._counted_from]

    def percentile(self, share: float) -> float:
        """Return the seconds within which ``share`` of the answers came."""
        return percentile(self.seconds, share)


class _Connection:
    __slots__ = ("_received", "_stream", "due", "socket")

    def __init__(self, connected: socket.socket, stream: Stream) -> None:
        self.socket = connected
        self.due = 0.0
        self._stream = stream
        self._received = b""

    def send(self, request: bytes, due: float) -> None:
        self.due = due
        self._received = b""
        self.socket.sendall(request)

    def receive(self) -> None:
        received = self.socket.recv(65_536)
        if not received:
            raise ConnectionError("the server hung up")
        self._received += received
        if is_whole(self._received):
            self._stream.answered(self, int(self._received[9:12]), time.perf_counter())


def run(port: int, streams: Sequence[Stream], *, seconds: float, warm_up: float = 1.0) -> None:
    """Send every stream's requests by its schedule, for ``seconds`` after the warm-up."""
    gc.disable()
    try:
        with ExitStack() as stack:
            poll = stack.enter_context(select.epoll())
            connections: dict[int, _Connection] = {}
            for stream in streams:
                connections |= stream.open(stack, port, poll)
            start = time.perf_counter()
            for stream in streams:
                stream.begin(start, warm_up)
            while (now := time.perf_counter()) < start + warm_up + seconds:
                for stream in streams:
                    stream.send_due(now)
                for descriptor, _ in poll.poll(0):
                    connections[descriptor].receive()
            for stream in streams:
                stream.give_up(now)
    finally:
        gc.enable()


def is_whole(received: bytes) -> bool:
    """Say whether an answer has arrived to its end."""
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return False
    length = _LENGTH.search(received, 0, end)
    return length is not None and len(received) >= end + 4 + int(length[1])


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which ``share`` of all lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
