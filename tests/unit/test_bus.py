"""The bus: every listener hears of every change, its own process's at once and others' from the outbox."""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

import pytest

from wayvo.bus.follower import BATCH, Follower
from wayvo.bus.local import LocalBus
from wayvo.core.change import Change

CHANGES = [Change("credential", f"{number:02x}", at=number) for number in range(3)]
OWN, OTHER = "own", "other"


class Row(NamedTuple):
    """A row of the outbox (:class:`wayvo.bus.follower.OutboxRow`)."""

    sequence: int
    node: str
    change: Change


class ListedOutbox:
    """An outbox that the test writes, and may break (:class:`wayvo.bus.follower.Outbox`)."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.is_broken = False

    def write(self, node: str, *changes: Change) -> None:
        for change in changes:
            self.rows.append(Row(len(self.rows) + 1, node, change))

    async def last_sequence(self) -> int:
        return len(self.rows)

    async def after(self, sequence: int, limit: int) -> Sequence[Row]:
        if self.is_broken:
            raise ConnectionError
        return self.rows[sequence : sequence + limit]


class Following:
    """A follower with a clock that the test turns; what it publishes is listed."""

    def __init__(self) -> None:
        self.outbox = ListedOutbox()
        self.published: list[Change] = []
        self.seconds = 0.0
        self.follower = Follower(self.outbox, self.published.append, OWN, lambda: self.seconds)


def test_every_listener_hears_every_change_in_order() -> None:
    bus, heard = LocalBus(), list[tuple[str, Change]]()
    bus.publish(CHANGES[0])
    bus.subscribe(lambda change: heard.append(("first", change)))
    bus.subscribe(lambda change: heard.append(("second", change)))
    for change in CHANGES[1:]:
        bus.publish(change)
    assert heard == [(who, change) for change in CHANGES[1:] for who in ("first", "second")]


def test_what_others_committed_is_published_once_and_in_order_and_ones_own_is_not() -> None:
    async def follow() -> list[Change]:
        following = Following()
        await following.follower.start()
        following.outbox.write(OTHER, CHANGES[0])
        following.outbox.write(OWN, CHANGES[1])
        following.outbox.write(OTHER, CHANGES[2])
        await following.follower.catch_up()
        await following.follower.catch_up()
        return following.published

    assert asyncio.run(follow()) == [CHANGES[0], CHANGES[2]]


def test_what_was_committed_before_the_start_is_in_no_cache_and_is_not_published() -> None:
    async def follow() -> list[Change]:
        following = Following()
        following.outbox.write(OTHER, *CHANGES)
        await following.follower.start()
        await following.follower.catch_up()
        return following.published

    assert asyncio.run(follow()) == []


def test_more_than_a_batch_is_read_to_its_end() -> None:
    async def follow() -> int:
        following = Following()
        await following.follower.start()
        following.outbox.write(OTHER, *CHANGES * BATCH)
        await following.follower.catch_up()
        return len(following.published)

    assert asyncio.run(follow()) == 3 * BATCH


def test_silence_lasts_until_all_that_others_committed_is_known() -> None:
    async def follow() -> list[float]:
        following = Following()
        silences = [following.follower.silence_seconds]
        await following.follower.start()
        following.seconds = 3
        silences.append(following.follower.silence_seconds)
        await following.follower.catch_up()
        silences.append(following.follower.silence_seconds)
        following.outbox.is_broken = True
        following.seconds = 10
        with pytest.raises(ConnectionError):
            await following.follower.catch_up()
        silences.append(following.follower.silence_seconds)
        return silences

    assert asyncio.run(follow()) == [float("inf"), 3, 0, 7]
