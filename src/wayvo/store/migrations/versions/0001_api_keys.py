"""Organizations, users, projects, APIs, API keys; the outbox and the answers of creations."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_bytewise = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("credential_id", _bytewise, nullable=False),
        sa.Column("key_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("request_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("credential_id", "key_digest", name="pk_idempotency_keys"),
    )
    op.create_index("ix_idempotency_keys_expires_at", "idempotency_keys", ["expires_at"], unique=False)
    op.create_table(
        "installation",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("secret_fingerprint", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_installation"),
        sa.CheckConstraint("id = 1", name=op.f("ck_installation_single_row")),
    )
    op.create_table(
        "key_brands",
        sa.Column("brand", _bytewise, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("brand", name="pk_key_brands"),
    )
    op.create_table(
        "organizations",
        sa.Column("id", _bytewise, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_organizations"),
    )
    op.create_table(
        "outbox",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_outbox"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_outbox_created_at", "outbox", ["created_at"], unique=False)
    op.create_table(
        "users",
        sa.Column("id", _bytewise, nullable=False),
        sa.Column("email", _bytewise, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("email", name="uq_users_email"),
    )
    op.create_table(
        "apis",
        sa.Column("id", _bytewise, nullable=False),
        sa.Column("organization_id", _bytewise, nullable=False),
        sa.Column("audience", _bytewise, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("visibility", sa.Text(), nullable=False),
        sa.Column("built_in", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name="fk_apis_organization_id"),
        sa.PrimaryKeyConstraint("id", name="pk_apis"),
        sa.UniqueConstraint("audience", name="uq_apis_audience"),
    )
    op.create_index("ix_apis_organization_id_id", "apis", ["organization_id", "id"], unique=False)
    op.create_index("ix_apis_visibility_id", "apis", ["visibility", "id"], unique=False)
    op.create_table(
        "members",
        sa.Column("organization_id", _bytewise, nullable=False),
        sa.Column("user_id", _bytewise, nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name="fk_members_organization_id"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_members_user_id"),
        sa.PrimaryKeyConstraint("organization_id", "user_id", name="pk_members"),
    )
    op.create_index("ix_members_user_id", "members", ["user_id"], unique=False)
    op.create_table(
        "projects",
        sa.Column("id", _bytewise, nullable=False),
        sa.Column("organization_id", _bytewise, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("archived_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name="fk_projects_organization_id"),
        sa.PrimaryKeyConstraint("id", name="pk_projects"),
    )
    op.create_index("ix_projects_organization_id_id", "projects", ["organization_id", "id"], unique=False)
    op.create_table(
        "api_keys",
        sa.Column("id", _bytewise, nullable=False),
        sa.Column("organization_id", _bytewise, nullable=False),
        sa.Column("project_id", _bytewise, nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("digest_secret", sa.String(length=16), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("access", sa.Text(), nullable=False),
        sa.Column("allowed_networks", sa.Text(), nullable=False),
        sa.Column("metadata", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("last_four", sa.String(length=4), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("revocation_reason", sa.Text(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("last_used_at", sa.BigInteger(), nullable=True),
        sa.Column("last_used_network", sa.Text(), nullable=True),
        sa.Column("idle_since", sa.BigInteger(), nullable=False),
        sa.Column("predecessor_id", _bytewise, nullable=True),
        sa.Column("successor_id", _bytewise, nullable=True),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name="fk_api_keys_organization_id"),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_api_keys_project_id"),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        sa.UniqueConstraint("digest", name="uq_api_keys_digest"),
    )
    op.create_index("ix_api_keys_digest_secret", "api_keys", ["digest_secret"], unique=False)
    op.create_index(
        "ix_api_keys_expiring",
        "api_keys",
        ["organization_id", "expires_at", "id"],
        unique=False,
        sqlite_where=sa.text("revoked_at IS NULL AND expires_at IS NOT NULL"),
        postgresql_where=sa.text("revoked_at IS NULL AND expires_at IS NOT NULL"),
    )
    op.create_index(
        "ix_api_keys_idle",
        "api_keys",
        ["organization_id", "idle_since", "id"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index("ix_api_keys_organization_id_id", "api_keys", ["organization_id", "id"], unique=False)
    # Of two indexes that look alike to it SQLite takes the later one: this one, where it may.
    op.create_index(
        "ix_api_keys_active",
        "api_keys",
        ["organization_id", "id"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index("ix_api_keys_organization_id_mode_id", "api_keys", ["organization_id", "mode", "id"], unique=False)
    op.create_index("ix_api_keys_project_id_id", "api_keys", ["project_id", "id"], unique=False)
    op.create_index(
        "ix_api_keys_revoked",
        "api_keys",
        ["organization_id", "id"],
        unique=False,
        sqlite_where=sa.text("revoked_at IS NOT NULL"),
        postgresql_where=sa.text("revoked_at IS NOT NULL"),
    )
    op.create_index(
        "ix_api_keys_unswept",
        "api_keys",
        ["expires_at"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NULL AND expires_at IS NOT NULL"),
        postgresql_where=sa.text("ended_at IS NULL AND expires_at IS NOT NULL"),
    )
    op.create_table(
        "api_key_words",
        sa.Column("organization_id", _bytewise, nullable=False),
        sa.Column("word", _bytewise, nullable=False),
        sa.Column("api_key_id", _bytewise, nullable=False),
        sa.ForeignKeyConstraint(["api_key_id"], ["api_keys.id"], name="fk_api_key_words_api_key_id"),
        sa.PrimaryKeyConstraint("organization_id", "word", "api_key_id", name="pk_api_key_words"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_api_key_words_api_key_id", "api_key_words", ["api_key_id"], unique=False)
