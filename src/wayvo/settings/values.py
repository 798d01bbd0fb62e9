"""Values of settings: each is read from text, or refused with its variable's name and how to mend it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from wayvo.core.credentials.digest import ROOT_SECRET_BYTES
from wayvo.core.credentials.format import BRAND_PATTERN
from wayvo.core.networks import parse_network

SQLITE: Final = "sqlite:///"


class SettingError(Exception):
    """A setting is wrong. The message names the variable, what is wrong, and the mend; never a secret's value."""

    def __init__(self, variable: str, problem: str, mend: str) -> None:
        super().__init__(f"{variable} {problem}. {mend}")
        self.variable = variable


@dataclass(frozen=True, slots=True)
class Bind:
    """Where to listen."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can connect."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Secret:
    """A secret setting. Its ``repr`` and ``str`` show nothing."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> bytes:
        """Return the secret itself."""
        return self._value.encode()

    def __repr__(self) -> str:
        return "Secret(…)"


def bind(variable: str, text: str) -> Bind:
    """Return an address."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not re.fullmatch(r"[1-9][0-9]{0,4}", port) or int(port) > 65_535:
        raise SettingError(
            variable, f"is {text!r}, not HOST:PORT", "Write something like 127.0.0.1:8000 or [::1]:8000."
        )
    return Bind(host, int(port))


def database_url(variable: str, text: str) -> str:
    """Return a database's URL as SQLAlchemy wants it."""
    if text.startswith(SQLITE) and len(text) > len(SQLITE):
        return text
    # Not repeated in the message, nor what its parser says of it: such a URL can hold a password.
    refusal = SettingError(
        variable,
        "is not the URL of a database",
        "Write sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME, with %XX for what is no letter or digit.",
    )
    scheme, separator, rest = text.partition("://")
    if not separator or not rest or scheme not in ("postgresql", "postgres", "postgresql+psycopg"):
        raise refusal
    url = f"postgresql+psycopg://{rest}"
    try:
        make_url(url)
    except (ArgumentError, ValueError):
        raise refusal from None
    return url


def public_url(variable: str, text: str) -> str:
    """Return the URL of this server."""
    refusal = SettingError(variable, "is not the URL of a server", "Write something like https://keys.example.com.")
    # Only what URLs are made of: this one ends up in documents, headers and lines to paste into a shell.
    if not re.fullmatch(r"https?://[0-9A-Za-z.:\[\]-]+(/[0-9A-Za-z._~/-]*)?", text):
        raise refusal
    try:
        urlsplit(text).port  # noqa: B018 - raises for one that is none
    except ValueError:
        raise refusal from None
    return text.rstrip("/")


def secret(variable: str, text: str) -> Secret:
    """Return a root secret."""
    if len(text.encode()) < ROOT_SECRET_BYTES:
        raise SettingError(
            variable, f"is shorter than {ROOT_SECRET_BYTES} characters", "Make one with: openssl rand -hex 32"
        )
    if "," in text or text != text.strip():
        # WAYVO_RETIRED_SECRET_KEYS, where it will stand one day, could not hold it.
        raise SettingError(variable, "has a comma or a space at an end", "Make one with: openssl rand -hex 32")
    return Secret(text)


def secrets(variable: str, text: str) -> tuple[Secret, ...]:
    """Return root secrets, separated by commas."""
    return tuple(secret(variable, part) for part in _parts(text))


def brand(variable: str, text: str) -> str:
    """Return a brand prefix."""
    if not re.fullmatch(BRAND_PATTERN, text):
        raise SettingError(
            variable, f"is {text!r}", "It has 2 to 12 lower-case letters and digits and begins with a letter."
        )
    return text


def networks(variable: str, text: str) -> tuple[str, ...]:
    """Return CIDRs, separated by commas."""
    networks = []
    for part in _parts(text):
        network = parse_network(part)
        if network is None:
            raise SettingError(
                variable,
                f"has {part!r}, which is no network",
                "Write CIDRs separated by commas, such as 10.0.0.0/8,::1/128.",
            )
        networks.append(network)
    return tuple(networks)


def flag(variable: str, text: str) -> bool:
    """Return true or false."""
    match text.lower():
        case "1" | "true" | "yes" | "on":
            return True
        case "0" | "false" | "no" | "off":
            return False
    raise SettingError(variable, f"is {text!r}", "Write true or false.")


def file(variable: str, text: str) -> Path:
    """Return the path of a file that is there."""
    path = Path(text)
    if not path.is_file():
        raise SettingError(variable, f"names {text!r}, which is no file", "Give the path of a PEM file.")
    return path


def count(low: int, high: int) -> Callable[[str, str], int]:
    """Return what reads a whole number between the two."""

    def parse(variable: str, text: str) -> int:
        if not text.isascii() or not text.isdigit() or not low <= int(text[:19]) <= high:
            raise SettingError(variable, f"is {text!r}", f"Write a whole number from {low} to {high}.")
        return int(text)

    return parse


def choice(*choices: str) -> Callable[[str, str], str]:
    """Return what reads one of the words."""

    def parse(variable: str, text: str) -> str:
        if text.lower() not in choices:
            raise SettingError(variable, f"is {text!r}", f"Write one of: {', '.join(choices)}.")
        return text.lower()

    return parse


def path(_variable: str, text: str) -> Path:
    """Return a path."""
    return Path(text)


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
