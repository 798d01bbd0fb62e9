"""Facts of the installation: which root secret it digests under, which brands its keys were made under."""

from sqlalchemy import Connection, select

from wayvo.store.dialect import upsert
from wayvo.store.tables import installation, key_brands


def secret_fingerprint(connection: Connection) -> str | None:
    """Return the fingerprint of the root secret in use, ``None`` before the first start."""
    fingerprint: str | None = connection.execute(select(installation.c.secret_fingerprint)).scalar()
    return fingerprint


def hold(connection: Connection) -> None:
    """Let no other node hold the installation until the transaction ends."""
    connection.execute(select(installation.c.id).with_for_update())


def claim(connection: Connection, fingerprint: str, now_us: int) -> None:
    """Record the root secret in use if none is recorded yet (on PostgreSQL after waiting for who is about to)."""
    statement = upsert(connection, installation).values(id=1, secret_fingerprint=fingerprint, created_at=now_us)
    connection.execute(statement.on_conflict_do_nothing(index_elements=["id"]))


def set_secret_fingerprint(connection: Connection, fingerprint: str, now_us: int) -> None:
    """Record the root secret in use."""
    statement = upsert(connection, installation).values(id=1, secret_fingerprint=fingerprint, created_at=now_us)
    connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_={"secret_fingerprint": fingerprint}))


def register_brand(connection: Connection, brand: str, now_us: int) -> tuple[str, ...]:
    """Record that keys are made under ``brand`` and return every brand there ever was."""
    statement = upsert(connection, key_brands).values(brand=brand, created_at=now_us)
    connection.execute(statement.on_conflict_do_nothing(index_elements=["brand"]))
    return tuple(connection.execute(select(key_brands.c.brand)).scalars())
