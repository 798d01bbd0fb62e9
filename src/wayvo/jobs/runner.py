"""Runs jobs at their intervals; one that fails is logged and tried again at its next turn."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import structlog

from wayvo.store.database import DatabaseBusy, DatabaseUnavailable

_log = structlog.get_logger("wayvo.jobs")


@dataclass(frozen=True, slots=True)
class Job:
    """A name for the log, the seconds between two turns, and what to do in one."""

    name: str
    interval_seconds: float
    step: Callable[[], Awaitable[None]]


@asynccontextmanager
async def running(jobs: Sequence[Job]) -> AsyncIterator[None]:
    """Run ``jobs`` for as long as the context lasts; each has one more turn at its end."""
    is_over = asyncio.Event()
    tasks = [asyncio.create_task(_run(job, is_over), name=job.name) for job in jobs]
    try:
        yield
    finally:
        # No step is cut off in the middle: what it has taken to store would be lost.
        is_over.set()
        await asyncio.gather(*tasks)


async def _run(job: Job, is_over: asyncio.Event) -> None:
    is_last = False
    while not is_last:
        with suppress(TimeoutError):
            await asyncio.wait_for(is_over.wait(), job.interval_seconds)
        is_last = is_over.is_set()
        await _step(job)


async def _step(job: Job) -> None:
    try:
        await job.step()
    except (DatabaseBusy, DatabaseUnavailable) as error:
        # Nothing of the job's own: it comes again, and what is wrong with the database is told where it is noticed.
        _log.warning("job put off", job=job.name, reason=str(error))
    except Exception:  # noqa: BLE001 - a job outlives every failure; the log tells
        _log.exception("job failed", job=job.name)
