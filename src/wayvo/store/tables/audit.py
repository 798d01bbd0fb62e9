"""The audit trail and its chains."""

from typing import Final

from sqlalchemy import BigInteger, Column, Index, LargeBinary, String, Table, Text, text

from wayvo.store.tables.types import Bytewise, metadata

audit_events: Final = Table(
    "audit_events",
    metadata,
    Column("id", Bytewise, primary_key=True),
    # No foreign key: it would be looked up for every event, and fail a whole batch; organizations are never deleted.
    Column("organization_id", Bytewise, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("actor_type", Text, nullable=False),
    Column("actor_id", Text, nullable=False),
    Column("credential_id", Text),
    Column("address", Text),
    Column("request_id", Text),
    Column("action", Bytewise, nullable=False),
    Column("target_type", Text, nullable=False),
    Column("target_id", Bytewise, nullable=False),
    Column("before", Text),
    Column("after", Text),
    Column("sequence", BigInteger),
    Column("mac", LargeBinary(32)),
    Column("mac_secret", String(16)),
    # The newest first: all of an organization, of one thing, of one actor, of one kind.
    Index(None, "organization_id", "id"),
    Index(None, "organization_id", "target_id", "id"),
    Index(None, "organization_id", "actor_id", "id"),
    Index(None, "organization_id", "action", "id"),
    # The chain in its order, and what is not in it yet.
    Index(None, "organization_id", "sequence", unique=True),
    Index(
        "ix_audit_events_unchained",
        "id",
        sqlite_where=text("sequence IS NULL"),
        postgresql_where=text("sequence IS NULL"),
    ),
)
"""Who did what. ``before`` and ``after`` are JSON, never with a secret. ``sequence`` and ``mac`` are its place in its
organization's chain, ``mac_secret`` says under which root secret; on PostgreSQL they are added within a second."""

audit_chains: Final = Table(
    "audit_chains",
    metadata,
    Column("organization_id", Bytewise, primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("mac", LargeBinary(32), nullable=False),
    Column("seal", LargeBinary(32), nullable=False),
    Column("pruned_sequence", BigInteger, nullable=False, server_default="0"),
    Column("pruned_mac", LargeBinary(32)),
    Column("pruned_seal", LargeBinary(32)),
)
"""The last link of each organization's chain, and the last one of those that were pruned; both sealed, so that nobody
can give out an earlier link for the last, or a later one for the first."""
