"""Commands on the server's own machine: they open the installation beside its servers, and need no credential."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NoReturn, TypeVar

from wayvo.cli import serving, transfers
from wayvo.cli.failures import CommandFailed, ExitCode
from wayvo.cli.server_options import read_settings
from wayvo.edge import logs
from wayvo.installation import Installation, open_installation
from wayvo.settings import Settings
from wayvo.store import schema
from wayvo.store.engines import NoDatabase, reading_engine

T = TypeVar("T")


def run(data_dir: str | None, step: Callable[[Installation, Settings], Awaitable[T]], nothing_done: str) -> T:
    """Return what ``step`` gives, on the installation that the settings name; ``nothing_done`` says so if it fails."""
    settings = read_settings(is_server=False, data_dir=data_dir)
    logs.configure(settings.log_format, "warning")
    _look_at(settings, nothing_done)

    async def work() -> T:
        async with open_installation(settings, is_server=False) as installation:
            return await step(installation, settings)

    with serving.told(settings):
        return asyncio.run(work())


def refuse_unfounded() -> NoReturn:
    """End the command: there is nothing to work on yet."""
    raise CommandFailed("The installation is not set up yet: run wayvo init first.", ExitCode.NOT_FOUND)


def _look_at(settings: Settings, nothing_done: str) -> None:
    """See that there is a database of this version, before anything is made: servers may be working on it."""
    with transfers.told(nothing_done):
        try:
            engine = reading_engine(settings.resolved_database_url)
        except NoDatabase:
            refuse_unfounded()
        with engine.connect() as connection:
            is_empty = schema.current_revision(connection) is None
        if is_empty:
            refuse_unfounded()
        schema.check(engine)
        engine.dispose()
