"""A connection without a client library: the very bytes that are sent, and the very bytes that come back."""

import json
import re
import socket
import ssl
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

SECONDS: Final = 30
_DATE: Final = re.compile(rb"\r\ndate: [^\r]+")
_REQUEST_ID: Final = re.compile(rb"req_[0-9a-f]{24}")


@dataclass(frozen=True)
class Answer:
    """An answer as it came, with the interim one (100) that came before it."""

    raw: bytes
    status: int
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the value of a header."""
        found = re.search(rb"\r\n%b: ([^\r]*)" % re.escape(name.encode()), self.raw, re.IGNORECASE)
        return None if found is None else found[1].decode("latin-1")

    @property
    def problem(self) -> dict[str, Any]:
        """The problem document that it has to be."""
        assert self.header("content-type") == "application/problem+json"
        document: dict[str, Any] = json.loads(self.body)
        assert document["status"] == self.status
        assert document["request_id"] == self.header("x-request-id")
        return document

    @property
    def is_last(self) -> bool:
        """Whether it says that the connection ends with it."""
        return self.header("connection") == "close"

    @property
    def constant(self) -> bytes:
        """The bytes without what differs from one answer to the next: the date and the request id that was made up."""
        return _REQUEST_ID.sub(b"req_", _DATE.sub(b"", self.raw))


class Connection:
    """One connection to a server on this machine."""

    def __init__(self, port: int, tls: ssl.SSLContext | None = None, *, receive_bytes: int = 0) -> None:
        self.socket = socket.socket()
        if receive_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.settimeout(SECONDS)
        try:
            self.socket.connect(("127.0.0.1", port))
        except OSError:
            self.socket.close()
            raise
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_hostname="127.0.0.1")
        self.address: tuple[str, int] = self.socket.getsockname()
        self._received = b""

    def send(self, data: bytes) -> None:
        """Send all of it."""
        self.socket.sendall(data)

    def try_to_send(self, data: bytes) -> bool:
        """Send as much as the server takes; say whether that was all."""
        try:
            self.socket.sendall(data)
        except OSError:
            return False
        return True

    def ask(self, request: bytes) -> Answer:
        """Send a request and return its answer."""
        self.send(request)
        return self.answer(has_body=not request.startswith(b"HEAD "))

    def answer(self, *, has_body: bool = True) -> Answer:
        """Return the next answer."""
        interim = b""
        while True:
            head = self._head()
            status = int(head.split(b" ", 2)[1])
            if status >= 200:
                break
            interim += head
        length = re.search(rb"\r\ncontent-length: ([0-9]+)\r\n", head, re.IGNORECASE)
        assert length or status == 204, f"an answer without a length: {head!r}"
        size = int(length[1]) if length and has_body and status not in (204, 304) else 0
        while len(self._received) < size:
            assert self._more(), "the connection ended within an answer"
        body, self._received = self._received[:size], self._received[size:]
        return Answer(interim + head + body, status, body)

    def _head(self) -> bytes:
        while b"\r\n\r\n" not in self._received:
            assert self._more(), f"the connection ended after {self._received!r}"
        head, end, self._received = self._received.partition(b"\r\n\r\n")
        return head + end

    def rest(self) -> bytes:
        """Return what comes until the connection ends, which it has to."""
        while self._more():
            pass
        return self._received

    def is_ended(self) -> bool:
        """Say whether the server has ended it; what it sent before that is kept."""
        self.socket.settimeout(0.0)
        try:
            while self._more():
                pass
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        finally:
            self.socket.settimeout(SECONDS)
        return True

    def _more(self) -> bool:
        try:
            chunk = self.socket.recv(262_144)
        except (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError):
            return False
        self._received += chunk
        return bool(chunk)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.socket.close()


def exchange(port: int, request: bytes, tls: ssl.SSLContext | None = None) -> tuple[bytes, bool]:
    """Send one request on a connection of its own; return the constant bytes of what came, and whether it ended it."""
    with Connection(port, tls) as connection:
        answer = connection.ask(request)
        if not answer.is_last:
            return answer.constant, False
        assert connection.rest() == b"", "something came behind the last answer"
        return answer.constant, True
