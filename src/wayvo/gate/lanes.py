"""The lane table: which paths the fast lane answers, with which handler."""

from dataclasses import dataclass
from typing import Final

from wayvo.gate.wire import Handler, Headers

VERIFY_PATH: Final = "/v1/verify"


@dataclass(frozen=True, slots=True)
class LaneHandler:
    """A handler and what it wants: how long a body it waits for (``None``: it waits for none), its constant headers."""

    path: str
    handler: Handler
    max_body_bytes: int | None
    takes_below: bool = False
    always: Headers = ()


class Lanes:
    """The lanes by their raw paths. A path that is spelled in any other way goes the ordinary way."""

    def __init__(self, *lanes: LaneHandler) -> None:
        self.all = lanes
        self._exact = {lane.path.encode(): lane for lane in lanes}
        self._below = tuple((f"{lane.path}/".encode(), lane) for lane in lanes if lane.takes_below)

    def find(self, raw_path: bytes) -> LaneHandler | None:
        """Return the lane for a path as it stands in the request line, without its query."""
        lane = self._exact.get(raw_path)
        if lane is None:
            for prefix, below in self._below:
                if raw_path.startswith(prefix) and b"%" not in raw_path:
                    return below
        return lane
