"""``wayvo migrate``."""

import asyncio

import typer

from wayvo.cli.server_options import DataDir, read_settings
from wayvo.cli.serving import told
from wayvo.edge import logs
from wayvo.installation import open_installation
from wayvo.settings import Settings
from wayvo.store.schema import current_revision


def command(data_dir: DataDir = None) -> None:
    """Bring the database to this version's schema. `wayvo serve` does it too."""
    settings = read_settings(is_server=False, data_dir=data_dir)
    logs.configure(settings.log_format, "warning")
    with told(settings):
        revision = asyncio.run(_migrate(settings))
    typer.echo(f"The database {settings.database_name} has schema {revision}.")


async def _migrate(settings: Settings) -> str | None:
    async with open_installation(settings, is_server=False) as installation:
        return await installation.database.read(current_revision)
