"""The table of keys."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Engine, String, create_engine, event, insert
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from bench.peers.keys import PeerKey


class Base(DeclarativeBase):
    """The tables."""


class ApiKey(Base):
    """A key, by the digest of its secret."""

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    organization_id: Mapped[str]
    project_id: Mapped[str]
    mode: Mapped[str]
    access: Mapped[dict[str, list[str]]] = mapped_column(JSON)
    network: Mapped[str | None]
    expires_at: Mapped[float]


def digest_of(secret: str) -> str:
    """Return what a key is found by."""
    return hashlib.sha256(secret.encode()).hexdigest()


def engine_of(path: Path) -> Engine:
    """Return an engine on SQLite in WAL mode, its connections pooled, one for each of the framework's threads."""
    engine = create_engine(f"sqlite:///{path}", pool_size=40, connect_args={"check_same_thread": False})

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA cache_size=-65536")

    return engine


def fill(path: Path, keys: Iterable[PeerKey]) -> None:
    """Make the database, with ``keys`` in it."""
    engine = engine_of(path)
    Base.metadata.create_all(engine)
    rows = [
        {name: value for name, value in key._asdict().items() if name != "secret"} | {"digest": digest_of(key.secret)}
        for key in keys
    ]
    with engine.begin() as connection:
        connection.execute(insert(ApiKey), rows)
    engine.dispose()
