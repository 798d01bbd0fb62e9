"""Founds an installation from the command line."""

import asyncio

from wayvo.installation import Installation
from wayvo.services.bootstrap import Founded, Founding, found
from wayvo.services.passwords import hash_password


async def found_installation(
    installation: Installation,
    *,
    organization: str,
    email: str,
    password: str | None,
    key_name: str,
    scopes: tuple[str, ...],
) -> Founded | None:
    """Found an empty installation; ``None`` if it is founded already."""
    password_hash = None if password is None else await asyncio.to_thread(hash_password, password)
    founding = Founding(
        organization_name=organization,
        owner_email=email,
        password_hash=password_hash,
        key_name=key_name,
        scopes=scopes,
    )
    return await found(installation.database, installation.draw, installation.digester, founding)
