"""Lists: a page and the cursor that leads on from it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec
from sqlalchemy import Connection

from wayvo.core.actor import Actor
from wayvo.core.errors import InvalidRequest, Problem, invalid
from wayvo.core.paging import DEFAULT_PAGE, Cursors, Page, Position
from wayvo.store.database import Database

Row = TypeVar("Row")
Reader = Callable[[Connection, Position | None, int], Page[Row]]


@dataclass(frozen=True, slots=True)
class Paging:
    """How many rows, and from where."""

    limit: int = DEFAULT_PAGE
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Listing(Generic[Row]):
    """One page, and the cursor of the next."""

    rows: tuple[Row, ...]
    next_cursor: str | None


class Lister:
    """Reads pages whose cursors fit only the question they were given for."""

    def __init__(self, database: Database, cursors: Cursors) -> None:
        self._database = database
        self._cursors = cursors

    async def page(
        self, actor: Actor, paging: Paging, noun: str, wanted: object, reader: Reader[Row]
    ) -> Listing[Row] | Problem:
        """Return a page of ``noun`` as ``reader`` reads it; ``wanted`` holds the filters."""
        question = f"{actor.organization_id} {noun} {msgspec.json.encode(wanted).decode()}"
        after = None
        if paging.cursor is not None:
            after = self._cursors.open(paging.cursor, question)
            if after is None:
                refusal = invalid("cursor", "does not belong to this list and these filters; start without one")
                return InvalidRequest(refusal.detail, refusal.errors)
        page = await self._database.read(lambda connection: reader(connection, after, paging.limit))
        following = None if page.next is None else self._cursors.seal(page.next, question)
        return Listing(page.rows, following)
