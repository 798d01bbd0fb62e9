"""Runs jobs at their intervals; one that fails is logged and tried again at its next turn."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog

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
    tasks = [asyncio.create_task(_run(job), name=job.name) for job in jobs]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for job in jobs:
            await _step(job)


async def _run(job: Job) -> None:
    while True:
        await asyncio.sleep(job.interval_seconds)
        await _step(job)


async def _step(job: Job) -> None:
    try:
        await job.step()
    except Exception:  # noqa: BLE001 - a job outlives every failure; the log tells
        _log.exception("job failed", job=job.name)
