"""Group commit: one writer thread that drains a queue of jobs into one transaction and one commit.

Many clients so share one ``fsync``. When a job fails, the batch is rolled back and cut at the culprit: what stood
before it is committed again without it, it runs alone, and the rest goes on as a batch. No job runs more than three
times, whatever its neighbours do. Which engine it is only :class:`WriteEngine` knows.
"""

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

from wayvo.core.audit_chain import Record
from wayvo.core.change import Change
from wayvo.store.database import DatabaseBusy, DatabaseUnavailable, Job, Transaction

T = TypeVar("T")

_log = logging.getLogger(__name__)

MAX_BATCH: Final = 256


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds the queues and the jobs. Beyond them a caller is told that the database is busy."""

    waiting_writes: int = 4096
    waiting_reads: int = 4096
    queue_seconds: float = 5.0
    job_seconds: float = 2.0
    read_seconds: float = 5.0


@dataclass(slots=True, eq=False)
class Submission:
    """A job on its way through the writer; ``result`` or ``failure`` is settled when it comes back."""

    job: Job[Any]
    answer: asyncio.Future[Any]
    submitted: float
    result: Any = None
    failure: BaseException | None = None
    changes: Sequence[Change] = ()
    events: Sequence[Record] = ()

    def succeed(self, result: object, transaction: Transaction) -> None:
        """Settle what the job answered; it is told once the batch is durable."""
        self.result, self.failure = result, None
        self.changes, self.events = transaction.changes, transaction.events

    def fail(self, failure: BaseException) -> None:
        """Settle why the job did not happen."""
        self.result, self.changes, self.events, self.failure = None, (), (), failure


class WriteEngine(Protocol):
    """An engine's way of running a batch. Called on the writer thread only."""

    def commit(self, batch: Sequence[Submission]) -> int | None:
        """Run and commit ``batch``, settling every submission; or roll all of it back and return the culprit's index.

        The culprit's failure is settled then, the others' are not.
        """
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


@dataclass(slots=True)
class CommitStatistics:
    """What the writer has done since the start."""

    commits: int = 0
    jobs: int = 0
    seconds: float = 0.0


class GroupCommit:
    """Runs jobs on one thread; ``publish`` is called on the event loop for every committed change."""

    def __init__(self, engine: WriteEngine, publish: Callable[[Change], None], limits: Limits) -> None:
        self._engine = engine
        self._publish = publish
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._jobs: queue.SimpleQueue[Submission | None] = queue.SimpleQueue()
        self._is_closing = False
        self._thread = threading.Thread(target=self._run, name="wayvo-write", daemon=True)
        self.waiting = 0
        self.statistics = CommitStatistics()
        self._thread.start()

    async def write(self, job: Job[T]) -> T:
        """See :meth:`wayvo.store.database.Database.write`."""
        if self._is_closing:
            raise DatabaseUnavailable("the database is being closed")
        if self.waiting >= self._limits.waiting_writes:
            raise DatabaseBusy("the queue of writes is full")
        self.waiting += 1
        submission = Submission(job, self._loop.create_future(), time.monotonic())
        self._jobs.put(submission)
        result: T = await submission.answer
        return result

    async def close(self) -> None:
        """Finish what was accepted, then stop the thread."""
        self._is_closing = True
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    # On the event loop

    def _deliver(self, batch: Sequence[Submission]) -> None:
        self.waiting -= len(batch)
        # A caller that went away has still written: the caches hear of its changes all the same.
        for submission in batch:
            for change in submission.changes:
                self._tell(change)
        for submission in batch:
            if submission.answer.done():
                continue
            if submission.failure is not None:
                submission.answer.set_exception(submission.failure)
            else:
                submission.answer.set_result(submission.result)

    def _tell(self, change: Change) -> None:
        """Publish a change; a listener that fails must not keep the callers waiting for ever."""
        try:
            self._publish(change)
        except Exception:  # noqa: BLE001 - logged; what it was told of is committed
            _log.exception("a listener failed at a %s change", change.kind)

    # On the writer thread

    def _run(self) -> None:
        is_last = False
        while not is_last:
            batch, is_last = self._take()
            started = time.perf_counter()
            try:
                self._commit_all(batch)
            except Exception as error:  # noqa: BLE001 - the writer outlives every failure; each caller is told
                for submission in batch:
                    submission.fail(error)
            self.statistics.commits += 1
            self.statistics.jobs += len(batch)
            self.statistics.seconds += time.perf_counter() - started
            self._loop.call_soon_threadsafe(self._deliver, batch)
        self._engine.close()

    def _take(self) -> tuple[list[Submission], bool]:
        """Wait for a job and take what stands behind it; say whether the end came."""
        batch: list[Submission] = []
        while not batch or (len(batch) < MAX_BATCH and not self._jobs.empty()):
            submission = self._jobs.get()
            if submission is None:
                return batch, True
            batch.append(submission)
        return batch, False

    def _commit_all(self, batch: Sequence[Submission]) -> None:
        oldest = time.monotonic() - self._limits.queue_seconds
        rest = []
        for submission in batch:
            if submission.submitted < oldest:
                submission.fail(DatabaseBusy("the job waited too long"))
            elif not submission.answer.cancelled():
                rest.append(submission)
        while rest:
            culprit = self._engine.commit(rest)
            if culprit is None:
                return
            self._commit_again(rest[:culprit])
            self._engine.commit(rest[culprit : culprit + 1])
            rest = rest[culprit + 1 :]

    def _commit_again(self, batch: Sequence[Submission]) -> None:
        if batch and self._engine.commit(batch) is not None:
            # It went well a moment ago: whatever is wrong now is not for each of them to find out alone.
            for submission in batch:
                submission.fail(DatabaseUnavailable("the database failed"))
