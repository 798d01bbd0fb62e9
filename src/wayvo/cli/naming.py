"""Names that a command on the server's own machine is given: it asks no API that would check them."""

import re
from unicodedata import category

from wayvo.cli.failures import CommandFailed, ExitCode


def checked_name(option: str, name: str) -> str:
    """Return a name without the spaces around it, as the API would take it."""
    if not 1 <= len(name.strip()) <= 100 or not is_text(name):
        raise CommandFailed(f"{option} has 1 to 100 characters, none of them a control character.", ExitCode.USAGE)
    return name.strip()


def checked_email(option: str, email: str) -> str:
    """Return an address as it was given, if it is one."""
    if len(email) > 254 or not re.fullmatch(r"[^@\s]+@[^@\s]+", email) or not is_text(email):
        raise CommandFailed(f"{option} is not an address: {email}", ExitCode.USAGE)
    return email


def is_text(value: str) -> bool:
    """Say whether ``value`` has neither control characters nor bytes that the terminal sent as no letter at all."""
    return not any(category(char) in ("Cc", "Cs") for char in value)
