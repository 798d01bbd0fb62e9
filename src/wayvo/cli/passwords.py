"""Passwords on the command line: from a prompt or from stdin, never from an option, which `ps` and histories show."""

import sys
from typing import Final

import typer

from wayvo.cli.failures import CommandFailed, ExitCode

# As wayvo.services.passwords has them, which brings the server's libraries along; a test compares.
MIN_LENGTH: Final = 12
MAX_LENGTH: Final = 256


def read_password() -> str:
    """Return the password on the next line of stdin."""
    try:
        password = sys.stdin.readline(MAX_LENGTH + 2).rstrip("\r\n")
        password.encode()
    except UnicodeError:
        raise CommandFailed("The password is not in UTF-8.", ExitCode.USAGE) from None
    return checked_password(password)


def ask_password(text: str) -> str:
    """Return what somebody types twice at a terminal, unseen."""
    typed: str = typer.prompt(text, hide_input=True, confirmation_prompt=True, err=True)
    return checked_password(typed)


def checked_password(password: str) -> str:
    """Return a password that is long enough, and not too long."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise CommandFailed(f"The password has {MIN_LENGTH} to {MAX_LENGTH} characters.", ExitCode.USAGE)
    return password
