"""Follows the outbox: tells this process what others changed, and knows how long ago it was last up to date.

A wake-up (a notification of the database) makes it quick; correctness hangs on nothing but the outbox itself, which is
read from where the last reading ended, at least every :data:`INTERVAL_SECONDS`. A lost message costs nothing.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import structlog

from wayvo.core.change import Change

_log = structlog.get_logger("wayvo.bus")

INTERVAL_SECONDS: Final = 0.4
RETRY_SECONDS: Final = 0.2
"""How soon after a failure: another node may reach the database first, and be told to revoke something."""

BATCH: Final = 1000
FORGET_SECONDS: Final = 12 * 3600.0
"""After so long a silence nothing that is remembered is trusted: half of what the outbox is kept for."""


class OutboxRow(Protocol):
    """A change as the outbox holds it."""

    @property
    def sequence(self) -> int:
        """Its place: rows become visible in the order of their sequences."""
        ...

    @property
    def node(self) -> str:
        """Which process wrote it."""
        ...

    @property
    def change(self) -> Change:
        """What changed."""
        ...


class Outbox(Protocol):
    """Where the rows are read from."""

    async def last_sequence(self) -> int:
        """Return the sequence of the last row that is visible, 0 if there is none."""
        ...

    async def after(self, sequence: int, limit: int) -> Sequence[OutboxRow]:
        """Return the rows that follow ``sequence``, in order."""
        ...


class Follower:
    """Publishes the changes of other processes. ``monotonic`` gives seconds, ``forget`` empties what they keep true."""

    def __init__(
        self,
        outbox: Outbox,
        publish: Callable[[Change], None],
        node: str,
        monotonic: Callable[[], float],
        forget: Callable[[], None] = lambda: None,
    ) -> None:
        self._forget = forget
        self._outbox = outbox
        self._publish = publish
        self._node = node
        self._monotonic = monotonic
        self._sequence = 0
        self._confirmed = float("-inf")
        self._awake = asyncio.Event()

    @property
    def silence_seconds(self) -> float:
        """How long ago everything that others had committed was known here."""
        return self._monotonic() - self._confirmed

    async def start(self) -> None:
        """Begin at the present end; to be awaited before anything is cached."""
        started = self._monotonic()
        self._sequence = await self._outbox.last_sequence()
        self._confirmed = started

    def wake(self) -> None:
        """Say that there is something to read."""
        self._awake.set()

    async def catch_up(self) -> None:
        """Read and publish all that is new. Only then does this process count as up to date."""
        if self.silence_seconds > FORGET_SECONDS:
            # Rows that were meant for this process may have been swept meanwhile.
            self._forget()
        while True:
            started = self._monotonic()
            rows = await self._outbox.after(self._sequence, BATCH)
            for row in rows:
                if row.node != self._node:
                    self._publish(row.change)
                self._sequence = row.sequence
            if len(rows) < BATCH:
                self._confirmed = started
                return

    async def run(self) -> None:
        """Follow until cancelled. A failure is logged once and tried again: silence grows meanwhile."""
        is_failing = False
        while True:
            try:
                async with asyncio.timeout(RETRY_SECONDS if is_failing else INTERVAL_SECONDS):
                    await self._awake.wait()
            except TimeoutError:
                pass
            self._awake.clear()
            try:
                await self.catch_up()
            except Exception as error:  # noqa: BLE001 - whatever it is, the next reading may go well
                if not is_failing:
                    _log.error("the outbox can't be read", reason=type(error).__name__)
                is_failing = True
            else:
                if is_failing:
                    _log.info("the outbox is read again")
                is_failing = False
