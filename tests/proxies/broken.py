"""What may stand in Wayvo's place when it is not well: a port that answers with given bytes, or never."""

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

from tests.harness.proxy import end

DENIAL: Final = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class BrokenWayvo:
    """Takes connections. ``answer`` is what each request gets; ``None``: nothing, for ever."""

    def __init__(self) -> None:
        self.answer: bytes | None = DENIAL
        self.asked = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._connections: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, name="broken", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        end(self._listener)
        self._thread.join(30)
        for connection in self._connections:
            end(connection)

    def hang_up(self) -> None:
        """End the connections that are open."""
        for connection in tuple(self._connections):
            end(connection)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            threading.Thread(target=self._serve, args=(connection,), name="broken connection", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError):
            received = b""
            while b"\r\n\r\n" not in received:
                chunk = connection.recv(65_536)
                if not chunk:
                    end(connection)
                    return
                received += chunk
            self.asked += 1
            if self.answer is not None:
                connection.sendall(self.answer)
                end(connection)
