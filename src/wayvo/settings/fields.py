"""Every setting: its name, how it is read, its default, and what it is for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from wayvo.settings import values


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


FIELDS: Final = (
    Field("bind", values.bind, "127.0.0.1:8000", "Where to listen, as HOST:PORT."),
    Field("data_dir", values.path, "wayvo-data", "The folder of the database and, on SQLite, of the secret key."),
    Field("database_url", values.database_url, None, "The database; wayvo.db in the data folder if it is left out."),
    Field("public_url", values.public_url, None, "The URL that clients use; from WAYVO_BIND if it is left out."),
    Field(
        "secret_key",
        values.secret,
        None,
        "The root secret, at least 32 characters; secret.key in the data folder if left out.",
    ),
    Field(
        "retired_secret_keys",
        values.secrets,
        None,
        "Earlier root secrets, separated by commas, while credentials remain under them.",
    ),
    Field("key_prefix", values.brand, "wv", "What API keys begin with: keys of a brand are recognizable as its own."),
    Field(
        "trusted_proxies", values.networks, "", "The proxies whose X-Forwarded-For and X-Request-Id count, as CIDRs."
    ),
    Field(
        "behind_proxy",
        values.flag,
        "false",
        "Whether a TLS proxy is in front, so that clear text beyond loopback is allowed.",
    ),
    Field("tls_cert", values.file, None, "The certificate chain, PEM; read again on SIGHUP."),
    Field("tls_key", values.file, None, "The certificate's private key, PEM; read again on SIGHUP."),
    Field("workers", values.count(1, 256), "1", "How many processes serve; more than one needs PostgreSQL."),
    Field("metrics_bind", values.bind, None, "Where to serve /metrics, as HOST:PORT; each worker takes the next port."),
    Field(
        "stale_policy",
        values.choice("refuse", "serve_stale"),
        "refuse",
        "What a node does that has been out of touch with the others for too long: refuse, or serve_stale.",
    ),
    Field(
        "stale_seconds",
        values.count(1, 300),
        "5",
        "How long is too long: the most that a revocation elsewhere can go unnoticed while the database is away.",
    ),
    Field(
        "cache_credentials",
        values.count(100, 50_000_000),
        "250000",
        "How many credentials are kept in memory, at some 400 bytes each.",
    ),
    Field(
        "fast_lane",
        values.flag,
        "true",
        "Whether verify and forward-auth are answered in the fast lane, counted but without a line each in the log.",
    ),
    Field(
        "audit_retention_days",
        values.count(0, 36_500),
        "0",
        "How many days audit events are kept; 0 keeps them for ever.",
    ),
    Field("max_connections", values.count(10, 1_000_000), "10000", "How many connections a process keeps at a time."),
    Field("drain_seconds", values.count(0, 600), "10", "How long requests may go on after SIGTERM."),
    Field(
        "log_format", values.choice("auto", "json", "console"), "auto", "json, console, or auto: console on a terminal."
    ),
    Field("log_level", values.choice("debug", "info", "warning", "error"), "info", "The least severe level to log."),
)
