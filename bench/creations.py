"""How many API keys per second 64 clients create over HTTP, each durable (``synchronous=FULL``) before its answer.

``python -m bench.creations [--seconds 10] [--clients 64]``
"""

import argparse
import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

from bench import load, say, served
from wayvo.store.sqlite import create_sqlite_engine


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--folder", type=Path, help="where to put the database (its disk is what is measured)")
    options = parser.parse_args()
    has_own_core = served.pin_client()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        founded = served.init(folder)
        with served.serving(folder) as server:
            asyncio.run(load.run(server.port, options.clients, _requests(founded["api_key"], seconds=1.0)))
            before = _keys(folder)
            cpu = server.cpu_seconds()
            started = time.perf_counter()
            tally = asyncio.run(
                load.run(server.port, options.clients, _requests(founded["api_key"], seconds=options.seconds))
            )
            elapsed = time.perf_counter() - started
            cpu = server.cpu_seconds() - cpu
        created = _keys(folder) - before
        answered = tally.statuses.total()
        say(f"synchronous={_synchronous(folder / 'wayvo.db')}, clients on a core of their own: {has_own_core}")
        say(f"{answered} answers {dict(tally.statuses)}, {created} rows in {elapsed:.1f} s")
        say(f"{created / elapsed:,.0f} creations/s; {cpu / answered * 1e6:,.0f} µs of the server's processor time each")
        say(f"median {tally.percentile(0.5) * 1e3:.1f} ms, 99 % within {tally.percentile(0.99) * 1e3:.1f} ms")


def _requests(key: str, seconds: float) -> Callable[[], bytes | None]:
    numbers = count()
    end = time.perf_counter() + seconds

    def request() -> bytes | None:
        if time.perf_counter() >= end:
            return None
        body = b'{"name": "Deploy %d", "scopes": ["projects:read"], "metadata": {"team": "payments"}}' % next(numbers)
        return load.http("POST", "/v1/api-keys", key, body)

    return request


def _keys(folder: Path) -> int:
    with sqlite3.connect(folder / "wayvo.db") as connection:
        counted: int = connection.execute("SELECT count(*) FROM api_keys").fetchone()[0]
    connection.close()
    return counted


def _synchronous(database: Path) -> str:
    engine = create_sqlite_engine(database, "BEGIN")
    with engine.connect() as connection:
        setting: int = connection.exec_driver_sql("PRAGMA synchronous").scalar_one()
    return {0: "OFF", 1: "NORMAL", 2: "FULL", 3: "EXTRA"}[setting]


if __name__ == "__main__":
    main()
