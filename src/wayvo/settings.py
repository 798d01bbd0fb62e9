"""Settings: from ``WAYVO_*`` variables, a TOML file and the command line; checked at start, frozen afterwards.

A setting that is wrong is refused with the variable's name and how to mend it; one that is missing has a safe default.
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from wayvo.core.credentials.digest import ROOT_SECRET_BYTES
from wayvo.core.credentials.format import BRAND_PATTERN
from wayvo.core.networks import parse_network

LogFormat = Literal["auto", "json", "console"]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All of them. See :data:`FIELDS` for what each is for."""

    bind: Bind
    data_dir: Path
    database_url: str | None
    public_url: str
    secret_key: Secret | None
    retired_secret_keys: tuple[Secret, ...]
    key_prefix: str
    trusted_proxies: tuple[str, ...]
    behind_proxy: bool
    tls_cert: Path | None
    tls_key: Path | None
    cache_credentials: int
    drain_seconds: int
    log_format: LogFormat
    log_level: str

    @property
    def database_path(self) -> Path:
        """The SQLite file."""
        if self.database_url is None:
            return self.data_dir / "wayvo.db"
        return Path(self.database_url.removeprefix("sqlite:///"))

    @property
    def has_tls(self) -> bool:
        """Whether this process speaks TLS itself."""
        return self.tls_cert is not None


@dataclass(frozen=True, slots=True)
class Field:
    """A setting: its variable is ``WAYVO_`` and the name in capitals."""

    name: str
    parse: Callable[[str, str], Any]
    default: str | None
    description: str

    @property
    def variable(self) -> str:
        """The environment variable."""
        return f"WAYVO_{self.name.upper()}"


def load(environment: Mapping[str, str], overrides: Mapping[str, str | None] | None = None) -> Settings:
    """Read and check all settings: the command line (``overrides``) before the environment before the TOML file."""
    given = _from_file(environment.get(CONFIG_VARIABLE))
    given |= {field.name: environment[field.variable] for field in FIELDS if environment.get(field.variable)}
    given |= {name: value for name, value in (overrides or {}).items() if value is not None}
    values: dict[str, Any] = {
        field.name: None
        if (text := given.get(field.name, field.default)) is None
        else field.parse(field.variable, text)
        for field in FIELDS
    }
    values["retired_secret_keys"] = values["retired_secret_keys"] or ()
    if values["public_url"] is None:
        scheme = "https" if values["tls_cert"] else "http"
        values["public_url"] = f"{scheme}://{values['bind']}"
    settings = Settings(**values)
    _check_together(settings)
    return settings


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """Return the ``WAYVO_*`` variables that are no settings: slips of the keyboard, most likely."""
    known = {field.variable for field in FIELDS} | {CONFIG_VARIABLE, *CLIENT_VARIABLES}
    return sorted(name for name in environment if name.startswith("WAYVO_") and name not in known)


def _check_together(settings: Settings) -> None:
    if (settings.tls_cert is None) != (settings.tls_key is None):
        missing = "WAYVO_TLS_KEY" if settings.tls_key is None else "WAYVO_TLS_CERT"
        raise SettingError(missing, "is missing", "A certificate and its key go together: give both, or neither.")
    if settings.behind_proxy and not settings.trusted_proxies:
        raise SettingError(
            "WAYVO_TRUSTED_PROXIES",
            "is empty, but --behind-proxy is given",
            "Name the TLS proxy's networks, such as 10.0.0.0/8.",
        )
    if not (settings.bind.is_loopback or settings.has_tls or settings.behind_proxy):
        raise SettingError(
            "WAYVO_BIND",
            f"is {settings.bind}, beyond loopback, where credentials would travel in clear text",
            "Give --tls-cert and --tls-key, or --behind-proxy with WAYVO_TRUSTED_PROXIES if a TLS proxy is in front.",
        )


def _from_file(path: str | None) -> dict[str, str]:
    if not path:
        return {}
    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingError(CONFIG_VARIABLE, f"can't be read: {error}", "It names a TOML file of settings.") from error
    names = {field.name for field in FIELDS}
    for name, value in content.items():
        if name not in names:
            raise SettingError(CONFIG_VARIABLE, f"has {name!r}, which is not a setting", "See docs/settings.md.")
        if isinstance(value, dict) or (isinstance(value, list) and not all(isinstance(item, str) for item in value)):
            raise SettingError(CONFIG_VARIABLE, f"has a {name} of a wrong type", "See docs/settings.md.")
    return {
        name: ",".join(value)
        if isinstance(value, list)
        else str(value).lower()
        if isinstance(value, bool)
        else str(value)
        for name, value in content.items()
    }


def _bind(variable: str, text: str) -> Bind:
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise SettingError(
            variable, f"is {text!r}, not HOST:PORT", "Write something like 127.0.0.1:8000 or [::1]:8000."
        )
    return Bind(host, int(port))


def _database_url(variable: str, text: str) -> str:
    if text.startswith("sqlite:///") and len(text) > len("sqlite:///"):
        return text
    # Not repeated in the message: such a URL can hold a password.
    raise SettingError(variable, "is not a URL that this version understands", "Use sqlite:///PATH, or leave it out.")


def _public_url(variable: str, text: str) -> str:
    parts = urlsplit(text)
    if (
        parts.scheme not in ("http", "https")
        or not parts.netloc
        or parts.query
        or parts.fragment
        or "@" in parts.netloc
    ):
        raise SettingError(variable, "is not the URL of a server", "Write something like https://keys.example.com.")
    return text.rstrip("/")


def _secret(variable: str, text: str) -> Secret:
    if len(text.encode()) < ROOT_SECRET_BYTES:
        raise SettingError(
            variable, f"is shorter than {ROOT_SECRET_BYTES} characters", "Make one with: openssl rand -hex 32"
        )
    return Secret(text)


def _secrets(variable: str, text: str) -> tuple[Secret, ...]:
    return tuple(_secret(variable, part) for part in _parts(text))


def _brand(variable: str, text: str) -> str:
    if not re.fullmatch(BRAND_PATTERN, text):
        raise SettingError(
            variable, f"is {text!r}", "It has 2 to 12 lower-case letters and digits and begins with a letter."
        )
    return text


def _networks(variable: str, text: str) -> tuple[str, ...]:
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


def _flag(variable: str, text: str) -> bool:
    match text.lower():
        case "1" | "true" | "yes" | "on":
            return True
        case "0" | "false" | "no" | "off":
            return False
    raise SettingError(variable, f"is {text!r}", "Write true or false.")


def _file(variable: str, text: str) -> Path:
    path = Path(text)
    if not path.is_file():
        raise SettingError(variable, f"names {text!r}, which is no file", "Give the path of a PEM file.")
    return path


def _count(low: int, high: int) -> Callable[[str, str], int]:
    def parse(variable: str, text: str) -> int:
        if not text.isascii() or not text.isdigit() or not low <= int(text[:19]) <= high:
            raise SettingError(variable, f"is {text!r}", f"Write a whole number from {low} to {high}.")
        return int(text)

    return parse


def _choice(*choices: str) -> Callable[[str, str], str]:
    def parse(variable: str, text: str) -> str:
        if text.lower() not in choices:
            raise SettingError(variable, f"is {text!r}", f"Write one of: {', '.join(choices)}.")
        return text.lower()

    return parse


def _path(_variable: str, text: str) -> Path:
    return Path(text)


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


CONFIG_VARIABLE: Final = "WAYVO_CONFIG"
CLIENT_VARIABLES: Final = ("WAYVO_URL", "WAYVO_API_KEY", "WAYVO_ALLOW_HTTP")
"""The command line's client has variables of its own; a server ignores them."""

FIELDS: Final = (
    Field("bind", _bind, "127.0.0.1:8000", "Where to listen, as HOST:PORT."),
    Field("data_dir", _path, "wayvo-data", "The folder of the database and, on SQLite, of the secret key."),
    Field("database_url", _database_url, None, "The database; wayvo.db in the data folder if it is left out."),
    Field("public_url", _public_url, None, "The URL that clients use; from WAYVO_BIND if it is left out."),
    Field(
        "secret_key",
        _secret,
        None,
        "The root secret, at least 32 characters; secret.key in the data folder if left out.",
    ),
    Field(
        "retired_secret_keys",
        _secrets,
        None,
        "Earlier root secrets, separated by commas, while credentials remain under them.",
    ),
    Field("key_prefix", _brand, "wv", "What API keys begin with: keys of a brand are recognizable as its own."),
    Field("trusted_proxies", _networks, "", "The proxies whose X-Forwarded-For and X-Request-Id count, as CIDRs."),
    Field(
        "behind_proxy",
        _flag,
        "false",
        "Whether a TLS proxy is in front, so that clear text beyond loopback is allowed.",
    ),
    Field("tls_cert", _file, None, "The certificate chain, PEM; read again on SIGHUP."),
    Field("tls_key", _file, None, "The certificate's private key, PEM; read again on SIGHUP."),
    Field(
        "cache_credentials",
        _count(100, 50_000_000),
        "250000",
        "How many credentials are kept in memory, at some 400 bytes each.",
    ),
    Field("drain_seconds", _count(0, 600), "10", "How long requests may go on after SIGTERM."),
    Field("log_format", _choice("auto", "json", "console"), "auto", "json, console, or auto: console on a terminal."),
    Field("log_level", _choice("debug", "info", "warning", "error"), "info", "The least severe level to log."),
)
