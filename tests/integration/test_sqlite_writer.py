"""What SQLite's writer adds to the contract: shared commits, real durability, a full disk, another process."""

import asyncio
import resource
import struct
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, func, select

from tests.contracts.engines import NODE, SEALER, held
from tests.harness.process import ServerProcess
from tests.harness.server import Client, RunningServer
from wayvo.core.change import Change
from wayvo.installation import Installation
from wayvo.store.database import DatabaseBusy, DatabaseUnavailable, Transaction
from wayvo.store.sqlite import SqliteDatabase, create_sqlite_engine, prepare_sqlite
from wayvo.store.tables import key_brands

pytestmark = pytest.mark.anyio

ROW_BYTES = 4000
"""A row as long as this takes a page of its own: what is full fills up soon."""


@pytest.fixture
def anyio_backend() -> str:
    """The database's threads report to asyncio's loop."""
    return "asyncio"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """An empty, migrated database."""
    prepare_sqlite(tmp_path / "wayvo.db")
    return tmp_path / "wayvo.db"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[SqliteDatabase]:
    """An open database."""
    database = SqliteDatabase(path, lambda _: None, NODE, SEALER)
    yield database
    await database.close()


def row(name: str) -> Callable[[Transaction], str]:
    """Return a job that stores a row."""

    def job(transaction: Transaction) -> str:
        transaction.connection.execute(key_brands.insert(), {"brand": name, "created_at": 1})
        transaction.announce(Change("project", name, at=1))
        return name

    return job


def pragma(name: str) -> Callable[[Transaction], Any]:
    """Return a job that runs a pragma on the writer's own connection, where it stays in force."""
    return lambda transaction: transaction.connection.exec_driver_sql(f"PRAGMA {name}").scalar()


def count(connection: Connection) -> int:
    counted: int = connection.execute(select(func.count()).select_from(key_brands)).scalar_one()
    return counted


def commits_in_log(path: Path) -> int:
    """Return how many commits the write-ahead log holds (https://sqlite.org/fileformat2.html#the_write_ahead_log)."""
    log = path.with_name("wayvo.db-wal").read_bytes()
    page_size, _, salt_one, salt_two = struct.unpack(">4I", log[8:24])
    commits = 0
    for start in range(32, len(log), 24 + page_size):
        _, pages_after_commit, *salts = struct.unpack(">4I", log[start : start + 16])
        if salts != [salt_one, salt_two]:
            break  # left over from before the last checkpoint
        commits += pages_after_commit > 0
    return commits


async def test_writes_that_wait_together_share_one_commit(database: SqliteDatabase, path: Path) -> None:
    await database.write(row("the first"))
    before = commits_in_log(path)
    async with held(database):
        tasks = [asyncio.create_task(database.write(row(f"row {number}"))) for number in range(100)]
    await asyncio.gather(*tasks)
    # The holder's own transaction wrote nothing, and so left no mark in the log.
    assert commits_in_log(path) - before == 1
    assert await database.read(count) == 101


async def test_writes_one_after_the_other_are_each_durable_before_their_answer(
    database: SqliteDatabase, path: Path
) -> None:
    await database.write(row("the first"))
    for number in range(5):
        before = commits_in_log(path)
        await database.write(row(f"row {number}"))
        assert commits_in_log(path) - before == 1


async def test_a_batch_is_never_longer_than_its_limit(database: SqliteDatabase, path: Path) -> None:
    await database.write(row("the first"))
    before = commits_in_log(path)
    async with held(database):
        tasks = [asyncio.create_task(database.write(row(f"row {number}"))) for number in range(300)]
    await asyncio.gather(*tasks)
    assert commits_in_log(path) - before == 2


async def test_the_writer_waits_for_the_disk_and_keeps_references_whole(database: SqliteDatabase) -> None:
    found = {name: await database.write(pragma(name)) for name in ("synchronous", "journal_mode", "foreign_keys")}
    assert found == {"synchronous": 2, "journal_mode": "wal", "foreign_keys": 1}


async def test_a_write_waits_for_another_process_only_once_a_batch_and_recovers(
    database: SqliteDatabase, path: Path
) -> None:
    await database.write(pragma("busy_timeout=100"))
    commits = database.statistics.commits
    other = create_sqlite_engine(path, "BEGIN IMMEDIATE")
    ran: list[str] = []
    with other.connect() as connection, connection.begin():
        async with asyncio.timeout(30):
            answers = await asyncio.gather(
                *(database.write(lambda _: ran.append("a job")) for _ in range(200)), return_exceptions=True
            )
        assert [type(answer) for answer in answers] == [DatabaseBusy] * 200
        # Each batch asks once: no job is taken for the culprit and tried again alone.
        assert database.statistics.commits - commits <= 3
    assert ran == []
    assert await database.write(row("afterwards")) == "afterwards"


async def attempt(database: SqliteDatabase, job: Callable[[Transaction], object]) -> type:
    """Return the type of a write's result, or of what it raised."""
    (answer,) = await asyncio.gather(database.write(job), return_exceptions=True)
    return type(answer)


async def test_a_full_disk_refuses_writes_while_reads_go_on_and_ends_with_it(database: SqliteDatabase) -> None:
    pages = await database.write(pragma("page_count"))
    await database.write(pragma(f"max_page_count={pages}"))
    answers = [await attempt(database, row(f"{number:0{ROW_BYTES}}")) for number in range(5)]
    assert DatabaseUnavailable in answers
    written = answers.count(str)
    assert answers == [str] * written + [DatabaseUnavailable] * (5 - written)
    assert await database.read(count) == written
    with pytest.raises(DatabaseUnavailable):
        await database.write(row("x" * ROW_BYTES))
    await database.write(pragma("max_page_count=1000000"))
    await database.write(row("x" * ROW_BYTES))
    assert await database.read(count) == written + 1


async def test_on_a_full_disk_nobody_in_a_batch_is_told_of_success(database: SqliteDatabase, path: Path) -> None:
    pages = await database.write(pragma("page_count"))
    await database.write(pragma(f"max_page_count={pages + 3}"))
    async with held(database):
        tasks = [asyncio.create_task(database.write(row(f"{number:0{ROW_BYTES}}"))) for number in range(20)]
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(answer) for answer in answers] == [DatabaseUnavailable] * 20
    assert await database.read(count) == 0


def test_a_full_disk_is_a_503_over_http_and_ends_with_it(server: RunningServer) -> None:
    client = server.client()
    assert client.get("/v1/whoami").status_code == 200

    def write(job: Callable[[Transaction], Any]) -> Any:
        async def step(installation: Installation) -> Any:
            return await installation.database.write(job)

        return server.call(step)

    write(pragma(f"max_page_count={write(pragma('page_count'))}"))
    refused, created = fill(client)
    assert refused.status_code == 503
    assert refused.headers["Retry-After"]
    assert refused.json()["code"] == "storage_unavailable"
    # What was acknowledged is there, and in force; reading goes on.
    assert {key["id"] for key in keys(client)} >= {key["id"] for key in created}
    for key in created[-3:]:
        verified = client.post("/v1/verify", json={"credential": key["api_key"]})
        assert (verified.status_code, verified.json()["code"]) == (200, "valid")

    write(pragma("max_page_count=1000000"))
    assert client.post("/v1/api-keys", json={"name": "Space again"}).status_code == 201


def test_a_write_that_the_machine_refuses_is_a_503_and_ends_with_it(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path)
    operator = server.found()["api_key"]
    with server:
        client = server.client(operator)
        _, hard = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
        # From here on no file of the server's may grow beyond what the log has now.
        size = (server.data_dir / "wayvo.db-wal").stat().st_size
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size, hard))
        refused, created = fill(client)
        assert (refused.status_code, refused.json()["code"]) == (503, "storage_unavailable")
        assert {key["id"] for key in keys(client)} >= {key["id"] for key in created}
        assert client.get("/v1/whoami").status_code == 200

        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
        again = client.post("/v1/api-keys", json={"name": "Space again"})
        assert again.status_code == 201
    with server:
        assert {key["id"] for key in keys(server.client(operator))} >= {key["id"] for key in [*created, again.json()]}


def fill(client: Client) -> tuple[Any, list[dict[str, Any]]]:
    """Create keys until one is refused; return the refusal and what was created."""
    created: list[dict[str, Any]] = []
    for number in range(2000):
        response = client.post("/v1/api-keys", json={"name": f"Key {number}", "scopes": ["*"]})
        if response.status_code != 201:
            return response, created
        created.append(response.json())
    raise AssertionError("the disk never filled up")


def keys(client: Client) -> list[dict[str, Any]]:
    """Return every key, page by page."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = client.get("/v1/api-keys", params={"limit": "100"} | cursor).json()
        found += page["data"]
        if page["next_cursor"] is None:
            return found
        cursor = {"cursor": page["next_cursor"]}
