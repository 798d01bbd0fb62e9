"""Fields that several resources share."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Generic, TypeVar

import msgspec
from litestar.params import HeaderParameter, QueryParameter
from msgspec import Meta

from wayvo.core.access.permissions import OWN_AUDIENCE
from wayvo.core.access.scopes import GRANT_PATTERN, MAX_SCOPE_LENGTH
from wayvo.core.errors import InvalidField, InvalidRequest, invalid
from wayvo.core.instants import from_datetime
from wayvo.core.paging import MAX_CURSOR_LENGTH, MAX_PAGE
from wayvo.services.lists import Listing

Row = TypeVar("Row")
View = TypeVar("View")

# Python's $ also matches before a line feed at the end.
NO_CONTROLS: Final = r"^[^\x00-\x1f\x7f]*$(?!\n)"
TEXT_LINES: Final = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"

Name = Annotated[str, Meta(min_length=1, max_length=100, pattern=NO_CONTROLS, examples=["Billing service"])]
Description = Annotated[str, Meta(max_length=500, pattern=TEXT_LINES, examples=["Runs in the EU cluster."])]
Audience = Annotated[str, Meta(min_length=1, max_length=300, examples=["https://api.example.com"])]
Pattern = Annotated[
    str,
    Meta(
        max_length=MAX_SCOPE_LENGTH,
        pattern=GRANT_PATTERN,
        examples=["projects:read"],
        description="`noun:verb`, `noun:*` or `*`",
    ),
]
Patterns = Annotated[tuple[Pattern, ...], Meta(max_length=100, examples=[["users:read", "projects:read"]])]
AccessMap = Annotated[
    dict[Audience, Patterns], Meta(max_length=20, examples=[{OWN_AUDIENCE: ["users:read", "projects:read"]}])
]
Instant = Annotated[datetime, Meta(tz=True, examples=["2027-01-31T00:00:00Z"])]
Moment = Annotated[str, Meta(extra_json_schema={"format": "date-time"}, examples=["2026-11-24T12:00:00Z"])]
Id = Annotated[str, Meta(max_length=64)]
Email = Annotated[
    str,
    Meta(
        min_length=3,
        max_length=254,
        pattern=r"^[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+$(?!\n)",
        examples=["ada@example.com"],
    ),
]
RoleId = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=64,
        description="`owner`, `admin`, `developer` or `viewer`, or the id of a custom role.",
        examples=["developer"],
    ),
]

_EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(9999, 12, 1, tzinfo=UTC)
_WIDEST_OFFSET: Final = timedelta(hours=14)


class List(msgspec.Struct, Generic[Row], frozen=True):
    """One page of a list, and the cursor of the next (null on the last page)."""

    data: tuple[Row, ...]
    next_cursor: str | None


def to_list(listing: Listing[Row], view: Callable[[Row], View]) -> List[View]:
    """Return a listing as JSON shows it."""
    return List(tuple(view(row) for row in listing.rows), listing.next_cursor)


def to_instant(field: str, moment: datetime) -> int | InvalidField:
    """Return a moment as microseconds; years that no calendar arithmetic survives are refused."""
    offset = moment.utcoffset()
    if offset is None or abs(offset) > _WIDEST_OFFSET or not _EARLIEST.year <= moment.year <= _LATEST.year:
        return invalid(field, "is not a moment between the years 2000 and 9999")
    if moment >= _LATEST:
        return invalid(field, "is not a moment between the years 2000 and 9999")
    return from_datetime(moment)


def moment(name: str, value: datetime | None) -> int | InvalidRequest | None:
    """Return a query parameter's moment as microseconds."""
    if value is None:
        return None
    instant = to_instant(name, value)
    return InvalidRequest(instant.detail, instant.errors) if isinstance(instant, InvalidField) else instant


Limit = Annotated[int, QueryParameter(ge=1, le=MAX_PAGE, description="How many rows a page has.")]
Cursor = Annotated[
    str | None,
    QueryParameter(
        max_length=MAX_CURSOR_LENGTH, description="The next_cursor of the page before, with the same filters."
    ),
]
IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description=(
            "A key of your making. Within 24 hours the same request with the same key is answered as the first was, "
            "without its secret and with `replayed`; another request with it is refused."
        ),
    ),
]
