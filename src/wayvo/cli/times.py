"""Times on the command line: ``30d`` or RFC 3339 from people, "3 days ago" to people."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

import typer

_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SCALE: Final = (
    # from so many seconds on, counted in units of so many seconds
    (2 * 365 * 86_400, 365 * 86_400, "year"),
    (60 * 86_400, 30 * 86_400, "month"),
    (48 * 3600, 86_400, "day"),
    (3600, 3600, "hour"),
    (60, 60, "minute"),
)


def now() -> datetime:
    """Return the present, in UTC."""
    return datetime.now(UTC)


def duration(text: str) -> timedelta:
    """Read ``90s``, ``45m``, ``12h``, ``30d``, ``2w`` or ``0``."""
    parts = re.fullmatch(r"([0-9]{1,9})([smhdw])", text, re.ASCII)
    if text == "0":
        return timedelta(0)
    try:
        if parts is not None:
            return timedelta(**{_UNITS[parts[2]]: int(parts[1])})
    except OverflowError:
        pass
    raise typer.BadParameter("give a number with s, m, h, d or w, such as 30d or 12h.")


def ahead(text: str) -> datetime:
    """Read a time, or a duration that counts forward from now."""
    return instant(text) if "T" in text.upper() else shifted(now(), duration(text))


def back(text: str) -> datetime:
    """Read a time, or a duration that counts back from now."""
    return instant(text) if "T" in text.upper() else shifted(now(), -duration(text))


def instant(text: str) -> datetime:
    """Read RFC 3339, with its offset: a time without one means something else on every machine."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise typer.BadParameter("give a time in RFC 3339, such as 2027-01-31T12:00:00Z.")


def shifted(present: datetime, by: timedelta) -> datetime:
    """Return the time ``by`` from now (or ago, when negative)."""
    try:
        return present + by
    except OverflowError:
        raise typer.BadParameter("that is further away than the calendar goes.") from None


def relative(moment: datetime, present: datetime) -> str:
    """Return ``in 3 days`` or ``3 hours ago``, rounded down to the largest unit that fits."""
    seconds = int((moment - present).total_seconds())
    distance = abs(seconds)
    if distance >= 60:
        distance = (distance + 30) // 60 * 60  # so that a key made for 30 days is told to end in 30 days, not in 29
    for threshold, unit, name in _SCALE:
        if distance >= threshold:
            count = distance // unit
            amount = f"{count} {name}{'s' if count != 1 else ''}"
            return f"in {amount}" if seconds > 0 else f"{amount} ago"
    return "in less than a minute" if seconds > 0 else "just now"


def exact(moment: datetime) -> str:
    """Return the time in UTC to the second, for people."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
