"""A wire between a node and PostgreSQL, which the test cuts, holds and listens in on at moments that it names."""

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Final, Self, TypeVar

from sqlalchemy import make_url

T = TypeVar("T")

COMMIT: Final = b"COMMIT\x00"
SECONDS: Final = 30
"""How long anything may take that a test waits for."""


def eventually(look: Callable[[], T], what: str, seconds: float = SECONDS) -> T:
    """Look again and again until there is something to see; return it."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < deadline, f"in {seconds} s there was never: {what}"
    return seen


class Link:
    """One connection through the proxy."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client = client
        self.server = server
        self._is_muted = False
        self._answered = threading.Event()
        self._may_arrive = threading.Event()
        self._may_arrive.set()

    def deafen(self) -> None:
        """Let the client hear nothing more of what the server says, and believe that the connection is lost."""
        self._is_muted = True
        end(self.client)

    def send_and_await_the_answer(self, message: bytes) -> None:
        """Send a message to the server, and keep its answer from the client."""
        self._is_muted = True
        self._answered.clear()
        self.server.sendall(message)
        assert self._answered.wait(SECONDS), "the server did not answer"

    def hold_answers_until(self, may_arrive: threading.Event) -> threading.Event:
        """Keep what the server answers from now on until the event; return another, which tells that there is some."""
        self._answered.clear()
        self._may_arrive = may_arrive
        return self._answered

    def answer(self, answer: bytes) -> None:
        """Hand on what the server said, or keep it."""
        self._answered.set()
        assert self._may_arrive.wait(SECONDS)
        if not self._is_muted:
            self.client.sendall(answer)

    def cut(self) -> None:
        """End both sides."""
        for side in (self.client, self.server):
            end(side)


Watch = Callable[[Link, bytes], bool]
"""Sees what a client sends, on that connection's own thread; says whether it is to be sent on."""


class Proxy:
    """Forwards connections to the server at ``url``; :attr:`url` is that of the same database through the proxy."""

    def __init__(self, url: str) -> None:
        self._target = make_url(url)
        self._listener = socket.create_server(("127.0.0.1", 0))
        port: int = self._listener.getsockname()[1]
        # Encryption would begin with questions of its own, and hide the rest.
        through = self._target.set(port=port).update_query_dict({"sslmode": "disable", "gssencmode": "disable"})
        self.url = through.render_as_string(hide_password=False)
        self.watch: Watch = lambda _link, _sent: True
        self.refused = 0
        """How many connections were not taken."""
        self._links: list[Link] = []
        self._is_refusing = False
        self._flows = threading.Event()
        self._flows.set()
        self._seen: list[tuple[Link, bytes]] = []
        self._thread = threading.Thread(target=self._accept, name="proxy", daemon=True)

    def count(self, part: bytes) -> int:
        """Return how many messages of clients had ``part`` in them so far."""
        return sum(part in sent for _, sent in list(self._seen))

    def links_that_sent(self, part: bytes) -> list[Link]:
        """Return the connections on which a client's message had ``part`` in it."""
        return [link for link, sent in list(self._seen) if part in sent]

    def hold(self) -> None:
        """Let nothing through, in either direction, without anybody noticing."""
        self._flows.clear()

    def release(self) -> None:
        """Let everything through that was held."""
        self._flows.set()

    def refuse(self) -> None:
        """Take no new connections."""
        self._is_refusing = True

    def cut(self) -> None:
        """End every connection and take no new ones."""
        self.refuse()
        for link in list(self._links):
            link.cut()

    def mend(self) -> None:
        """Take connections again."""
        self._is_refusing = False

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        end(self._listener)
        self._thread.join(SECONDS)
        self.release()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._is_refusing:
                self.refused += 1
                end(client)
                continue
            try:
                server = socket.create_connection((self._target.host or "", self._target.port or 0))
            except OSError:
                end(client)
                continue
            for side in (client, server):
                side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link = Link(client, server)
            self._links.append(link)
            for pump in (self._send, self._answer):
                threading.Thread(target=pump, args=(link,), name="proxy link", daemon=True).start()

    def _send(self, link: Link) -> None:
        with suppress(OSError):
            while sent := link.client.recv(65_536):
                self._flows.wait()
                self._seen.append((link, sent))
                if self.watch(link, sent):
                    link.server.sendall(sent)
        end(link.server)

    def _answer(self, link: Link) -> None:
        with suppress(OSError):
            while answer := link.server.recv(65_536):
                self._flows.wait()
                link.answer(answer)
        end(link.client)


def end(side: socket.socket) -> None:
    """Close a socket that another thread may be waiting at."""
    with suppress(OSError):
        side.shutdown(socket.SHUT_RDWR)
    side.close()
