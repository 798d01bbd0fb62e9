"""A clock that stands until it is turned."""

from datetime import UTC, datetime

from wayvo.core.instants import SECOND_US, format_instant, from_datetime


class TurnedClock:
    """Gives the same instant until :meth:`turn`."""

    def __init__(self) -> None:
        self.now_us = from_datetime(datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC))

    def __call__(self) -> int:
        return self.now_us

    def turn(self, seconds: float) -> None:
        """Let time pass (or run backwards)."""
        self.now_us += round(seconds * SECOND_US)

    def at(self, seconds: float) -> str:
        """Return the instant ``seconds`` from now as RFC 3339."""
        return format_instant(self.now_us + round(seconds * SECOND_US))
