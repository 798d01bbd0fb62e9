"""What an operator must not overlook about the root secret, wherever a database goes without it."""

import os

from wayvo.core.credentials.digest import RootSecret
from wayvo.settings import Settings
from wayvo.store.data_folder import DataFolder, DataFolderError


def notice_of_backup(settings: Settings, fingerprint: str) -> str:
    """Return what to do about the secret of a database that was backed up."""
    text = f"\nTHE ROOT SECRET IS NOT IN THE BACKUP (its fingerprint is {fingerprint}).\n"
    if _fingerprint_at_hand(settings) == fingerprint:
        text += f"It is in {settings.secret_place}. Keep a copy of it in another safe place:"
    else:
        text += f"Nor is it in {settings.secret_place}. Find it, and keep a copy of it in another safe place:"
    return f"{text}\nwithout it not one key of the backup works."


def notice_of_restore(settings: Settings, fingerprint: str) -> str:
    """Return what to do about the secret of a database that was restored."""
    at_hand = _fingerprint_at_hand(settings)
    if at_hand == fingerprint:
        return (
            f"\nThe root secret that belongs to it (fingerprint {fingerprint}) is in {settings.secret_place}: serve it."
        )
    found = "there is none yet" if at_hand is None else f"what is there now has the fingerprint {at_hand}"
    return (
        f"\nTHE ROOT SECRET IS NOT IN A BACKUP. Put the one with the fingerprint {fingerprint} in\n"
        f"{settings.secret_place} ({found}) before you serve: without it no key works."
    )


def _fingerprint_at_hand(settings: Settings) -> str | None:
    if settings.secret_key is not None:
        return RootSecret(settings.secret_key.reveal()).fingerprint
    if not settings.is_on_sqlite:
        return None
    try:
        return RootSecret(DataFolder(settings.data_dir).secret(os.urandom, may_create=False)).fingerprint
    except DataFolderError:
        return None
