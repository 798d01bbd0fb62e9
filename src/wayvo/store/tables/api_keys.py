"""API keys, what finds them, and what creations answered."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from wayvo.store.tables.types import Bytewise, metadata

api_keys: Final = Table(
    "api_keys",
    metadata,
    Column("id", Bytewise, primary_key=True),
    Column("organization_id", Bytewise, ForeignKey("organizations.id"), nullable=False),
    Column("project_id", Bytewise, ForeignKey("projects.id"), nullable=False),
    Column("digest", LargeBinary(32), nullable=False, unique=True),
    Column("digest_secret", String(16), nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("access", Text, nullable=False),
    Column("allowed_networks", Text, nullable=False),
    Column("metadata", Text, nullable=False),
    Column("prefix", Text, nullable=False),
    Column("last_four", String(4), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text),
    Column("expires_at", BigInteger),
    Column("revoked_at", BigInteger),
    Column("revocation_reason", Text),
    Column("ended_at", BigInteger),
    Column("last_used_at", BigInteger),
    Column("last_used_network", Text),
    Column("idle_since", BigInteger, nullable=False),
    Column("predecessor_id", Bytewise),
    Column("successor_id", Bytewise),
    # No foreign key: SQLite can't add one to a table, and users are never deleted.
    Column("user_id", Bytewise),
    Column("import_digest", LargeBinary(32)),
    # The newest keys of an organization, of a project, of a mode, of a user.
    Index(None, "organization_id", "id"),
    Index(None, "project_id", "id"),
    Index(
        "ix_api_keys_user",
        "organization_id",
        "user_id",
        "id",
        sqlite_where=text("user_id IS NOT NULL"),
        postgresql_where=text("user_id IS NOT NULL"),
    ),
    Index(None, "organization_id", "mode", "id"),
    # Those that work, however many have ended; those that were revoked.
    Index(
        "ix_api_keys_active",
        "organization_id",
        "id",
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
    Index(
        "ix_api_keys_revoked",
        "organization_id",
        "id",
        sqlite_where=text("revoked_at IS NOT NULL"),
        postgresql_where=text("revoked_at IS NOT NULL"),
    ),
    # The next to expire, the last to have expired.
    Index(
        "ix_api_keys_expiring",
        "organization_id",
        "expires_at",
        "id",
        sqlite_where=text("revoked_at IS NULL AND expires_at IS NOT NULL"),
        postgresql_where=text("revoked_at IS NULL AND expires_at IS NOT NULL"),
    ),
    # The longest unused among those that work.
    Index(
        "ix_api_keys_idle",
        "organization_id",
        "idle_since",
        "id",
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
    # The sweeper: expired, but not yet marked as ended.
    Index(
        "ix_api_keys_unswept",
        "expires_at",
        sqlite_where=text("ended_at IS NULL AND expires_at IS NOT NULL"),
        postgresql_where=text("ended_at IS NULL AND expires_at IS NOT NULL"),
    ),
    # Start-up and the moving of digests to a new root secret: is any row left under an old one?
    Index(None, "digest_secret"),
    # An import that is run again: which of its keys are here? And until when is a second digest looked for?
    Index(
        "ix_api_keys_imported",
        "import_digest",
        unique=True,
        sqlite_where=text("import_digest IS NOT NULL"),
        postgresql_where=text("import_digest IS NOT NULL"),
    ),
    Index(
        "ix_api_keys_unmoved",
        "id",
        sqlite_where=text("digest = import_digest"),
        postgresql_where=text("digest = import_digest"),
    ),
)
"""``access``, ``allowed_networks`` and ``metadata`` are JSON. ``ended_at`` is set at a revocation, and by the sweeper
some time after an expiry: it keeps the index of working keys small and decides nothing. ``idle_since`` is the last use,
or the creation of a key never used. ``user_id`` is whom a key speaks for that is bound to a user. An imported key has
an ``import_digest`` for ever, made from its SHA-256; it is its ``digest`` as well until its first use shows the key."""

api_key_words: Final = Table(
    "api_key_words",
    metadata,
    Column("organization_id", Bytewise, primary_key=True),
    Column("word", Bytewise, primary_key=True),
    Column("api_key_id", Bytewise, ForeignKey("api_keys.id"), primary_key=True),
    Index(None, "api_key_id"),
    sqlite_with_rowid=False,
)
"""The words of each key's name, description and last four, for search by the beginning of a word."""

key_formats: Final = Table(
    "key_formats",
    metadata,
    Column("id", Bytewise, primary_key=True),
    Column("organization_id", Bytewise, ForeignKey("organizations.id"), nullable=False),
    Column("prefix", Bytewise, nullable=False),
    Column("alphabet", Text, nullable=False),
    Column("min_length", Integer, nullable=False),
    Column("max_length", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("prefix", "alphabet", "min_length", "max_length"),
    # How many an organization has brought.
    Index(None, "organization_id"),
)
"""What imported keys look like, so that what looks like one is looked for; ``organization_id`` brought it first."""

scope_uses: Final = Table(
    "scope_uses",
    metadata,
    Column("api_key_id", Bytewise, ForeignKey("api_keys.id"), primary_key=True),
    Column("audience", Bytewise, primary_key=True),
    Column("scope", Bytewise, primary_key=True),
    Column("last_used_at", BigInteger, nullable=False),
    Index(None, "last_used_at"),
    sqlite_with_rowid=False,
)
"""When a key's scope was last asked for and found; swept after 30 days."""

idempotency_keys: Final = Table(
    "idempotency_keys",
    metadata,
    Column("credential_id", Bytewise, primary_key=True),
    Column("key_digest", LargeBinary(32), primary_key=True),
    Column("request_digest", LargeBinary(32), nullable=False),
    Column("answer", LargeBinary, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Index(None, "expires_at"),
)
"""The answers of creations, without their secrets, for 24 hours."""
