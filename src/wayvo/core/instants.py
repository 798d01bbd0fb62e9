"""Time as Wayvo keeps it: integer microseconds UTC since 1970, and RFC 3339 at the doors."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

Clock = Callable[[], int]
"""Gives the present in microseconds. Injected: the rules never look at the machine's clock."""

SECOND_US: Final = 1_000_000
DAY_US: Final = 86_400 * SECOND_US
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def to_datetime(instant_us: int) -> datetime:
    """Return the instant as an aware ``datetime`` in UTC."""
    return _EPOCH + timedelta(microseconds=instant_us)


def from_datetime(moment: datetime) -> int:
    """Return an aware ``datetime`` as microseconds, exactly (no float on the way)."""
    return (moment - _EPOCH) // _MICROSECOND


def format_instant(instant_us: int) -> str:
    """Return the instant as RFC 3339 in UTC, such as ``2026-11-24T03:41:24.000001Z``."""
    return to_datetime(instant_us).isoformat().replace("+00:00", "Z")
