"""PostgreSQL's ``LISTEN``: wakes the follower as soon as another node has committed a change."""

import asyncio
from collections.abc import Callable
from typing import Final

import psycopg
import structlog

_log = structlog.get_logger("wayvo.bus")

CHANNEL: Final = "wayvo_changes"
RETRY_SECONDS: Final = 1.0

# Nothing is ever sent on this connection but keep-alives: without them a dead peer would go unnoticed for hours.
_TIME_OUTS: Final = "connect_timeout=5 keepalives_idle=10 keepalives_interval=5 keepalives_count=3"


async def listen(conninfo: str, wake: Callable[[], None]) -> None:
    """Call ``wake`` at every notification until cancelled; a lost connection is made again.

    Nothing is lost with it: the follower reads the outbox by itself meanwhile, only later.
    """
    is_lost = False
    while True:
        try:
            connection = await psycopg.AsyncConnection.connect(f"{conninfo} {_TIME_OUTS}", autocommit=True)
            async with connection:
                await connection.execute(f"LISTEN {CHANNEL}")
                if is_lost:
                    _log.info("notifications are heard again")
                is_lost = False
                wake()
                async for _ in connection.notifies():
                    wake()
        except psycopg.Error as error:
            if not is_lost:
                _log.warning("notifications are not heard", reason=type(error).__name__)
            is_lost = True
        await asyncio.sleep(RETRY_SECONDS)
