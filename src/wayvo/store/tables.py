"""The schema, in portable types only: the same migrations build it on SQLite and on PostgreSQL.

Instants are integer microseconds UTC. Ids and digests compare by their bytes on both engines. Every index stands beside
the question that it answers.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    text,
)

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# PostgreSQL orders text by the cluster's language unless told otherwise; ids and words sort by their bytes.
_Bytewise: Final = Text().with_variant(Text(collation="C"), "postgresql")

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
    Column("brand", _Bytewise, primary_key=True),
    Column("created_at", BigInteger, nullable=False),
)
"""Every brand prefix that keys were ever made under: their keys are recognized for ever."""

organizations: Final = Table(
    "organizations",
    metadata,
    Column("id", _Bytewise, primary_key=True),
    Column("name", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

users: Final = Table(
    "users",
    metadata,
    Column("id", _Bytewise, primary_key=True),
    Column("email", _Bytewise, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("password_hash", Text),
    Column("created_at", BigInteger, nullable=False),
)
"""``email`` is kept in lower case; ``password_hash`` is argon2id in its own encoding."""

members: Final = Table(
    "members",
    metadata,
    Column("organization_id", _Bytewise, ForeignKey("organizations.id"), primary_key=True),
    Column("user_id", _Bytewise, ForeignKey("users.id"), primary_key=True),
    Column("role", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index(None, "user_id"),
)

projects: Final = Table(
    "projects",
    metadata,
    Column("id", _Bytewise, primary_key=True),
    Column("organization_id", _Bytewise, ForeignKey("organizations.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("archived_at", BigInteger),
    Index(None, "organization_id", "id"),
)

apis: Final = Table(
    "apis",
    metadata,
    Column("id", _Bytewise, primary_key=True),
    Column("organization_id", _Bytewise, ForeignKey("organizations.id"), nullable=False),
    Column("audience", _Bytewise, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("visibility", Text, nullable=False),
    Column("built_in", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("operations", Text, nullable=False, server_default=text("'[]'")),
    Index(None, "organization_id", "id"),
    Index(None, "visibility", "id"),
)
"""``scopes`` is a JSON list of ``{"name", "description"}``, ``operations`` one of
``{"methods", "path", "scopes", "name"}``."""

api_keys: Final = Table(
    "api_keys",
    metadata,
    Column("id", _Bytewise, primary_key=True),
    Column("organization_id", _Bytewise, ForeignKey("organizations.id"), nullable=False),
    Column("project_id", _Bytewise, ForeignKey("projects.id"), nullable=False),
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
    Column("predecessor_id", _Bytewise),
    Column("successor_id", _Bytewise),
    # The newest keys of an organization, of a project, of a mode.
    Index(None, "organization_id", "id"),
    Index(None, "project_id", "id"),
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
)
"""``access``, ``allowed_networks`` and ``metadata`` are JSON. ``ended_at`` is set at a revocation, and by the sweeper
some time after an expiry: it keeps the index of working keys small and decides nothing. ``idle_since`` is the last use,
or the creation of a key never used."""

api_key_words: Final = Table(
    "api_key_words",
    metadata,
    Column("organization_id", _Bytewise, primary_key=True),
    Column("word", _Bytewise, primary_key=True),
    Column("api_key_id", _Bytewise, ForeignKey("api_keys.id"), primary_key=True),
    Index(None, "api_key_id"),
    sqlite_with_rowid=False,
)
"""The words of each key's name, description and last four, for search by the beginning of a word."""

idempotency_keys: Final = Table(
    "idempotency_keys",
    metadata,
    Column("credential_id", _Bytewise, primary_key=True),
    Column("key_digest", LargeBinary(32), primary_key=True),
    Column("request_digest", LargeBinary(32), nullable=False),
    Column("answer", LargeBinary, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Index(None, "expires_at"),
)
"""The answers of creations, without their secrets, for 24 hours."""

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
    Column("node", _Bytewise, primary_key=True),
    Column("batch", Text, nullable=False),
    Column("written_at", BigInteger, nullable=False),
)
"""A row for each node on PostgreSQL, swept when it has long written nothing."""
