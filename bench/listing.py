"""How long each filter of the list of API keys takes with a large database: the query and the models, without HTTP.

``python -m bench.listing FOLDER`` with a folder that ``bench.make_keys`` made. Of each filter the first page and one in
the middle of the list are measured, each the best of three.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from bench import say
from wayvo.core.credentials.format import Mode
from wayvo.core.instants import DAY_US
from wayvo.core.paging import Position
from wayvo.store import api_keys
from wayvo.store.api_keys import ApiKeyFilter
from wayvo.store.sqlite import create_sqlite_engine
from wayvo.store.tables import api_keys as table
from wayvo.store.tables import installation, organizations, projects

LIMIT = 50
TIMES = 3
MANY_PAGES = 200


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    now = time.time_ns() // 1000
    with create_sqlite_engine(options.folder / "wayvo.db", "BEGIN").connect() as connection, connection.begin():
        owner = connection.execute(
            select(organizations.c.id).order_by(organizations.c.created_at).limit(1)
        ).scalar_one()
        say(f"{connection.execute(select(installation.c.id)).scalar_one()} installation, organization {owner}")
        for name, wanted in _filters(connection, owner, now):
            _measure(connection, owner, name, ApiKeyFilter(**wanted), now)


def _filters(connection: Connection, owner: str, now: int) -> Iterator[tuple[str, dict[str, Any]]]:
    own = select(projects.c.id).where(projects.c.organization_id == owner).order_by(projects.c.id)
    sizes = {
        project: connection.execute(select(table.c.id).where(table.c.project_id == project).limit(100_000)).all()
        for project in connection.execute(own).scalars()
    }
    small, *_, large = sorted(sizes, key=lambda project: len(sizes[project]))
    singles: dict[str, dict[str, Any]] = {
        "no filter": {},
        "a large project": {"project_id": large},
        "a small project": {"project_id": small},
        "mode": {"mode": Mode.TEST},
        "active": {"status": "active"},
        "expired": {"status": "expired"},
        "revoked": {"status": "revoked"},
        "expiring within 30 days": {"expiring_before": now + 30 * DAY_US},
        "unused for 90 days": {"unused_since": now - 90 * DAY_US},
        "a rare word": {"text": "777"},
        "a common word": {"text": "deploy"},
        "a common and a rare word": {"text": "deploy 777"},
        "no such word": {"text": "nowhere"},
    }
    yield from singles.items()
    for one in ("a large project", "a small project", "mode"):
        for two in (*list(singles)[3:9], "a common word"):
            if one != two:
                yield f"{one}, {two}", singles[one] | singles[two]


def _measure(connection: Connection, owner: str, name: str, wanted: ApiKeyFilter, now: int) -> None:
    first, found, following = _timed(connection, owner, wanted, now, None)
    line = f"{name:50} first page {first * 1e3:8.1f} ms, {found:3} keys"
    if following is not None:
        after = following
        for _ in range(MANY_PAGES):
            page = api_keys.page(connection, owner, wanted, now_us=now, after=after, limit=100)
            if page.next is None:
                break
            after = page.next
        later, found, _ = _timed(connection, owner, wanted, now, after)
        line += f"; a later page {later * 1e3:8.1f} ms, {found:3} keys"
    say(line)


def _timed(
    connection: Connection, owner: str, wanted: ApiKeyFilter, now: int, after: Position | None
) -> tuple[float, int, Position | None]:
    seconds = []
    for _ in range(TIMES):
        started = time.perf_counter()
        page = api_keys.page(connection, owner, wanted, now_us=now, after=after, limit=LIMIT)
        seconds.append((time.perf_counter() - started, page))
    best, page = min(seconds, key=lambda timed: timed[0])
    return best, len(page.rows), page.next


if __name__ == "__main__":
    main()
