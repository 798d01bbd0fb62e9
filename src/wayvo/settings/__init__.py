"""Settings: from ``WAYVO_*`` variables, a TOML file and the command line; checked at start, frozen afterwards.

A setting that is wrong is refused with the variable's name and how to mend it; one that is missing has a safe default.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from wayvo.settings.fields import FIELDS
from wayvo.settings.values import SQLITE, Bind, Secret, SettingError, database_url

__all__ = ["FIELDS", "Bind", "Secret", "SettingError", "Settings", "database_url", "load", "unknown_variables"]

LogFormat = Literal["auto", "json", "console"]
StalePolicy = Literal["refuse", "serve_stale"]

CONFIG_VARIABLE: Final = "WAYVO_CONFIG"
CLIENT_VARIABLES: Final = ("WAYVO_URL", "WAYVO_API_KEY", "WAYVO_ALLOW_HTTP")
"""The command line's client has variables of its own; a server ignores them."""


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
    workers: int
    metrics_bind: Bind | None
    stale_policy: StalePolicy
    stale_seconds: int
    cache_credentials: int
    fast_lane: bool
    audit_retention_days: int
    max_connections: int
    drain_seconds: int
    log_format: LogFormat
    log_level: str

    @property
    def resolved_database_url(self) -> str:
        """The database's URL: a file in the data folder if none was given."""
        return self.database_url or f"{SQLITE}{self.data_dir / 'wayvo.db'}"

    @property
    def is_on_sqlite(self) -> bool:
        """Whether the database is a file."""
        return self.resolved_database_url.startswith(SQLITE)

    @property
    def database_path(self) -> Path:
        """The SQLite file."""
        return Path(self.resolved_database_url.removeprefix(SQLITE))

    @property
    def database_name(self) -> str:
        """The database as a message may name it: a URL without its user and password."""
        if self.is_on_sqlite:
            return str(self.database_path)
        parts = urlsplit(self.resolved_database_url)
        return f"{parts.scheme.partition('+')[0]}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    @property
    def secret_place(self) -> str:
        """Where the root secret is kept."""
        is_given = self.secret_key is not None or not self.is_on_sqlite
        return "WAYVO_SECRET_KEY" if is_given else str(self.data_dir / "secret.key")

    @property
    def has_tls(self) -> bool:
        """Whether this process speaks TLS itself."""
        return self.tls_cert is not None


def load(
    environment: Mapping[str, str], overrides: Mapping[str, str | None] | None = None, *, is_server: bool = True
) -> Settings:
    """Read and check all settings: the command line (``overrides``) before the environment before the TOML file.

    Whether it is safe to listen where they say is a question for a server only.
    """
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
    if is_server:
        _check_listening(settings)
    return settings


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """Return the ``WAYVO_*`` variables that are no settings: slips of the keyboard, most likely."""
    known = {field.variable for field in FIELDS} | {CONFIG_VARIABLE, *CLIENT_VARIABLES}
    return sorted(name for name in environment if name.startswith("WAYVO_") and name not in known)


def _check_listening(settings: Settings) -> None:
    if (settings.tls_cert is None) != (settings.tls_key is None):
        missing = "WAYVO_TLS_KEY" if settings.tls_key is None else "WAYVO_TLS_CERT"
        raise SettingError(missing, "is missing", "A certificate and its key go together: give both, or neither.")
    if settings.behind_proxy and not settings.trusted_proxies:
        raise SettingError(
            "WAYVO_TRUSTED_PROXIES",
            "is empty, but --behind-proxy is given",
            "Name the TLS proxy's networks, such as 10.0.0.0/8.",
        )
    if settings.is_on_sqlite and settings.workers > 1:
        raise SettingError(
            "WAYVO_WORKERS",
            f"is {settings.workers}, but SQLite has one server",
            "Set it to 1, or move to PostgreSQL (wayvo copy) and set WAYVO_DATABASE_URL.",
        )
    if not settings.is_on_sqlite and settings.secret_key is None:
        raise SettingError(
            "WAYVO_SECRET_KEY",
            "is missing, and several nodes must share one root secret",
            "Make one with: openssl rand -hex 32, and give it to every node.",
        )
    if settings.metrics_bind is not None and not (settings.metrics_bind.is_loopback or settings.behind_proxy):
        raise SettingError(
            "WAYVO_METRICS_BIND",
            f"is {settings.metrics_bind}, beyond loopback, where /metrics would travel in clear text",
            "Bind it to 127.0.0.1, or give --behind-proxy if a TLS proxy is in front.",
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
