"""``wayvo quickstart``: what ``make run`` calls."""

from collections.abc import Callable
from typing import Final

import typer

from wayvo.cli import serving
from wayvo.cli.founding import found_installation
from wayvo.cli.server_options import Bind, DataDir, read_settings
from wayvo.core.access.permissions import STARTING_SCOPES, VERIFY
from wayvo.installation import Installation
from wayvo.settings import Settings

_ORGANIZATION: Final = "My organization"
_EMAIL: Final = "owner@localhost"
_KEY_NAME: Final = "First key"


def command(bind: Bind = None, data_dir: DataDir = None) -> None:
    """Set up a server with a first key if there is none yet, print lines to try it with, and serve it."""
    settings = read_settings(bind=bind, data_dir=data_dir)

    async def before(installation: Installation) -> Callable[[], None]:
        founded = await found_installation(
            installation,
            organization=_ORGANIZATION,
            email=_EMAIL,
            password=None,
            key_name=_KEY_NAME,
            scopes=(*STARTING_SCOPES, VERIFY),
        )
        secret = None if founded is None else founded.issued.secret
        return lambda: typer.echo(_greeting(settings, secret))

    serving.run(settings, before)


def _greeting(settings: Settings, secret: str | None) -> str:
    url = settings.public_url
    if secret is None:
        return "\n".join(
            (
                "",
                f"Wayvo is running on {url} with what is in {settings.data_dir}.",
                "",
                "Its keys were shown when they were made. With one of them in WAYVO_API_KEY:",
                "",
                f'  curl {url}/v1/users -H "Authorization: Bearer $WAYVO_API_KEY"',
                "",
                f"Reference: {url}/docs        Stop with Ctrl-C.",
                "",
            )
        )
    return "\n".join(
        (
            "",
            f"Wayvo is running on {url}. This is its first API key, shown this once:",
            "",
            f"  {secret}",
            "",
            "Paste any of these into another terminal:",
            "",
            f'curl -X GET {url}/v1/users -H "Authorization: Bearer {secret}"',
            f'curl -X GET {url}/v1/projects -H "Authorization: Bearer {secret}"',
            f'curl -X POST {url}/v1/verify -H "Authorization: Bearer {secret}" -d \'{{"credential": "{secret}"}}\'',
            "",
            f"Reference: {url}/docs        Stop with Ctrl-C.",
            "",
        )
    )
