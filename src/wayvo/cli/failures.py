"""Failures that a person meets: a sentence on stderr and an exit code that means something, never a traceback."""

from enum import IntEnum

import typer

from wayvo.cli.output import visible
from wayvo.client.errors import TransportError, UnsendableError, WayvoError


class ExitCode(IntEnum):
    """What the exit codes mean. Scripts rely on them."""

    OK = 0
    FAULT = 1
    USAGE = 2
    NOT_AUTHENTICATED = 3
    NOT_ALLOWED = 4
    NOT_FOUND = 5
    CONFLICT = 6
    INVALID = 7
    UNAVAILABLE = 8


class CommandFailed(Exception):
    """A command ends here, for a reason that the message tells the user."""

    def __init__(self, message: str, exit_code: ExitCode = ExitCode.FAULT) -> None:
        super().__init__(message)
        self.message = message
        self.exit_code = exit_code


EXPECTED = (CommandFailed, WayvoError, TransportError, UnsendableError)
"""What :func:`report` knows how to tell."""

_EXIT_CODES = {
    400: ExitCode.INVALID,
    401: ExitCode.NOT_AUTHENTICATED,
    403: ExitCode.NOT_ALLOWED,
    404: ExitCode.NOT_FOUND,
    409: ExitCode.CONFLICT,
    413: ExitCode.INVALID,
    414: ExitCode.INVALID,
    415: ExitCode.INVALID,
    422: ExitCode.INVALID,
    431: ExitCode.INVALID,
    503: ExitCode.UNAVAILABLE,
}


def report(failure: Exception) -> ExitCode:
    """Tell the user on stderr what failed; return the code to exit with."""
    match failure:
        case WayvoError():
            _say(f"Error: {failure.detail} [{failure.code}, HTTP {failure.status}]")
            for fault in failure.errors:
                if (line := f"{fault.field}: {fault.message}") != failure.detail:
                    _say(f"  {line}")
            if failure.docs_url:
                _say(f"  More: {failure.docs_url}")
            if failure.request_id:
                _say(f"  Request id: {failure.request_id}")
            return _EXIT_CODES.get(failure.status, ExitCode.FAULT)
        case CommandFailed():
            _say(f"Error: {failure.message}")
            return failure.exit_code
        case TransportError():
            _say(f"Error: {failure}")
            return ExitCode.UNAVAILABLE
        case UnsendableError():
            _say(f"Error: {failure}")
            return ExitCode.USAGE
        case _:
            raise failure


def _say(line: str) -> None:
    typer.echo(visible(line), err=True)
