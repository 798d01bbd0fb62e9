"""What an installation is, and what its nodes tell one another."""

from typing import Final

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, Table, Text

from wayvo.store.tables.types import Bytewise, metadata

installation: Final = Table(
    "installation",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1", name="single_row"), primary_key=True, autoincrement=False),
    Column("secret_fingerprint", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)
"""One row: which root secret the credentials are digested under."""

key_brands: Final = Table(
    "key_brands",
    metadata,
    Column("brand", Bytewise, primary_key=True),
    Column("created_at", BigInteger, nullable=False),
)
"""Every brand prefix that keys were ever made under: their keys are recognized for ever."""

outbox: Final = Table(
    "outbox",
    metadata,
    Column("sequence", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("node", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index(None, "created_at"),
    sqlite_autoincrement=True,
)
"""Every change that caches must hear of, in the transaction of the change."""

last_batches: Final = Table(
    "last_batches",
    metadata,
    Column("node", Bytewise, primary_key=True),
    Column("batch", Text, nullable=False),
    Column("written_at", BigInteger, nullable=False),
)
"""A row for each node on PostgreSQL, swept when it has long written nothing."""
