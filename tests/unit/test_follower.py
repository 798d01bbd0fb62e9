"""The follower's own loop: when it reads, what it trusts, and how it takes failures. Its clock is the test's."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import pytest

from tests.unit.test_bus import CHANGES, OTHER, Row
from wayvo.bus.follower import BATCH, FORGET_SECONDS, INTERVAL_SECONDS, Follower
from wayvo.core.change import Change

SECONDS = 10


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class HeldOutbox:
    """An outbox whose every reading waits until the test lets it begin, and says what it comes to."""

    def __init__(self) -> None:
        self.begun: asyncio.Queue[int] = asyncio.Queue()
        self._outcomes: asyncio.Queue[Sequence[Row] | Exception] = asyncio.Queue()

    async def last_sequence(self) -> int:
        return 0

    async def after(self, sequence: int, limit: int) -> Sequence[Row]:
        assert limit == BATCH
        await self.begun.put(sequence)
        outcome = await self._outcomes.get()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def reading(self) -> int:
        """Wait until a reading has begun; return after which sequence."""
        return await asyncio.wait_for(self.begun.get(), SECONDS)

    async def end(self, outcome: Sequence[Row] | Exception) -> None:
        """Let the reading that has begun come to this, and what follows from it happen."""
        await self._outcomes.put(outcome)
        for _ in range(10):
            await asyncio.sleep(0)


class Followed:
    """A running follower."""

    def __init__(self) -> None:
        self.outbox = HeldOutbox()
        self.published: list[Change] = []
        self.seconds = 100.0
        self.follower = Follower(self.outbox, self.published.append, "own", lambda: self.seconds)


@asynccontextmanager
async def following() -> AsyncIterator[Followed]:
    followed = Followed()
    await followed.follower.start()
    task = asyncio.create_task(followed.follower.run())
    try:
        yield followed
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def rows(first: int, number: int) -> list[Row]:
    return [Row(first + at, OTHER, CHANGES[0]) for at in range(number)]


@pytest.mark.anyio
async def test_without_any_notification_it_reads_again_and_again_from_where_it_stopped() -> None:
    async with following() as there:
        assert await there.outbox.reading() == 0
        await there.outbox.end(rows(1, 3))
        assert await there.outbox.reading() == 3
        await there.outbox.end([])
        assert await there.outbox.reading() == 3


@pytest.mark.anyio
async def test_a_notification_that_comes_while_it_reads_makes_it_read_once_more_at_once() -> None:
    async with following() as there:
        there.follower.wake()
        await there.outbox.reading()
        there.follower.wake()
        async with asyncio.timeout(0.8 * INTERVAL_SECONDS):
            await there.outbox.end([])
            await there.outbox.reading()


@pytest.mark.anyio
async def test_it_is_as_up_to_date_as_the_beginning_of_its_last_reading_and_only_when_that_has_ended() -> None:
    async with following() as there:
        there.seconds += 4
        assert there.follower.silence_seconds == 4
        await there.outbox.reading()
        there.seconds += 3
        assert there.follower.silence_seconds == 7
        await there.outbox.end([])
        assert there.follower.silence_seconds == 3, "what came while it read may not have been seen"


@pytest.mark.anyio
async def test_all_that_a_reading_found_is_published_before_it_counts_as_up_to_date() -> None:
    followed = Followed()
    silences: list[float] = []
    followed.follower = Follower(
        followed.outbox, lambda _: silences.append(followed.follower.silence_seconds), "own", lambda: followed.seconds
    )
    await followed.follower.start()
    followed.seconds += 6
    catching_up = asyncio.create_task(followed.follower.catch_up())
    await followed.outbox.reading()
    await followed.outbox.end(rows(1, 3))
    await catching_up
    assert silences == [6, 6, 6]
    assert followed.follower.silence_seconds == 0


@pytest.mark.anyio
async def test_it_is_not_up_to_date_before_it_has_read_to_the_end() -> None:
    async with following() as there:
        await there.outbox.reading()
        there.seconds += 6
        await there.outbox.end(rows(1, BATCH))
        assert (len(there.published), there.follower.silence_seconds) == (BATCH, 6)
        assert await there.outbox.reading() == BATCH
        await there.outbox.end(rows(BATCH + 1, 1))
        assert (len(there.published), there.follower.silence_seconds) == (BATCH + 1, 0)


@pytest.mark.anyio
async def test_a_reading_that_fails_or_hangs_lets_the_silence_grow_and_the_next_goes_on_where_it_was() -> None:
    async with following() as there:
        await there.outbox.reading()
        await there.outbox.end(rows(1, 2))
        for _ in range(3):
            assert await there.outbox.reading() == 2
            there.seconds += 1
            await there.outbox.end(ConnectionError())
        assert there.follower.silence_seconds == 3
        assert await there.outbox.reading() == 2
        there.seconds += 60
        await there.outbox.end(rows(3, 1))
        assert there.follower.silence_seconds == 60, "the reading began so long ago"
        assert len(there.published) == 3
        await there.outbox.reading()
        await there.outbox.end([])
        assert there.follower.silence_seconds == 0


class SilentOutbox:
    """An outbox in which nothing ever stands."""

    async def last_sequence(self) -> int:
        return 0

    async def after(self, sequence: int, limit: int) -> Sequence[Row]:
        assert (sequence, limit) == (0, BATCH)
        return ()


def test_after_a_silence_longer_than_the_outbox_is_sure_to_be_kept_everything_is_forgotten_first() -> None:
    async def told_after(*silences: float) -> list[str]:
        told: list[str] = []
        seconds = 0.0
        follower = Follower(SilentOutbox(), lambda _: None, "own", lambda: seconds, lambda: told.append("forget"))
        await follower.start()
        for silence in silences:
            seconds += silence
            await follower.catch_up()
        return told

    assert asyncio.run(told_after(FORGET_SECONDS, FORGET_SECONDS)) == []
    assert asyncio.run(told_after(FORGET_SECONDS + 1, 1)) == ["forget"]
