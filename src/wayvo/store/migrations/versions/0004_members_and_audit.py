"""Members, roles and invitations; imported keys; the audit trail."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_bytewise = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "key_formats",
        sa.Column("id", _bytewise, nullable=False),
        sa.Column("organization_id", _bytewise, nullable=False),
        sa.Column("prefix", _bytewise, nullable=False),
        sa.Column("alphabet", sa.Text(), nullable=False),
        sa.Column("min_length", sa.Integer(), nullable=False),
        sa.Column("max_length", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name="fk_key_formats_organization_id"),
        sa.PrimaryKeyConstraint("id", name="pk_key_formats"),
        sa.UniqueConstraint(
            "prefix",
            "alphabet",
            "min_length",
            "max_length",
            name="uq_key_formats_prefix_alphabet_min_length_max_length",
        ),
    )
    op.create_index("ix_key_formats_organization_id", "key_formats", ["organization_id"], unique=False)
    op.create_table(
        "audit_chains",
        sa.Column("organization_id", _bytewise, nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.LargeBinary(length=32), nullable=False),
        sa.Column("seal", sa.LargeBinary(length=32), nullable=False),
        sa.Column("pruned_sequence", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("pruned_mac", sa.LargeBinary(length=32), nullable=True),
        sa.Column("pruned_seal", sa.LargeBinary(length=32), nullable=True),
        sa.PrimaryKeyConstraint("organization_id", name="pk_audit_chains"),
    )
    op.create_table(
        "audit_events",
        sa.Column("id", _bytewise, nullable=False),
        sa.Column("organization_id", _bytewise, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor_type", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Text(), nullable=False),
        sa.Column("credential_id", sa.Text(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("action", _bytewise, nullable=False),
        sa.Column("target_type", sa.Text(), nullable=False),
        sa.Column("target_id", _bytewise, nullable=False),
        sa.Column("before", sa.Text(), nullable=True),
        sa.Column("after", sa.Text(), nullable=True),
        sa.Column("sequence", sa.BigInteger(), nullable=True),
        sa.Column("mac", sa.LargeBinary(length=32), nullable=True),
        sa.Column("mac_secret", sa.String(length=16), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_audit_events"),
    )
    op.create_index(
        "ix_audit_events_organization_id_action_id", "audit_events", ["organization_id", "action", "id"], unique=False
    )
    op.create_index(
        "ix_audit_events_organization_id_actor_id_id",
        "audit_events",
        ["organization_id", "actor_id", "id"],
        unique=False,
    )
    op.create_index("ix_audit_events_organization_id_id", "audit_events", ["organization_id", "id"], unique=False)
    op.create_index(
        "ix_audit_events_organization_id_sequence", "audit_events", ["organization_id", "sequence"], unique=True
    )
    op.create_index(
        "ix_audit_events_organization_id_target_id_id",
        "audit_events",
        ["organization_id", "target_id", "id"],
        unique=False,
    )
    op.create_index(
        "ix_audit_events_unchained",
        "audit_events",
        ["id"],
        unique=False,
        sqlite_where=sa.text("sequence IS NULL"),
        postgresql_where=sa.text("sequence IS NULL"),
    )
    op.create_table(
        "invitations",
        sa.Column("id", _bytewise, nullable=False),
        sa.Column("organization_id", _bytewise, nullable=False),
        sa.Column("email", _bytewise, nullable=False),
        sa.Column("role", _bytewise, nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("accepted_at", sa.BigInteger(), nullable=True),
        sa.Column("withdrawn_at", sa.BigInteger(), nullable=True),
        sa.Column("user_id", _bytewise, nullable=True),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name="fk_invitations_organization_id"),
        sa.PrimaryKeyConstraint("id", name="pk_invitations"),
        sa.UniqueConstraint("digest", name="uq_invitations_digest"),
    )
    op.create_index("ix_invitations_organization_id_id", "invitations", ["organization_id", "id"], unique=False)
    op.create_index("ix_invitations_organization_id_role", "invitations", ["organization_id", "role"], unique=False)
    op.create_table(
        "roles",
        sa.Column("id", _bytewise, nullable=False),
        sa.Column("organization_id", _bytewise, nullable=False),
        sa.Column("name", _bytewise, nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("access", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name="fk_roles_organization_id"),
        sa.PrimaryKeyConstraint("id", name="pk_roles"),
        sa.UniqueConstraint("organization_id", "name", name="uq_roles_organization_id_name"),
    )
    op.create_index("ix_roles_organization_id_id", "roles", ["organization_id", "id"], unique=False)
    op.create_table(
        "project_members",
        sa.Column("project_id", _bytewise, nullable=False),
        sa.Column("user_id", _bytewise, nullable=False),
        sa.Column("organization_id", _bytewise, nullable=False),
        sa.Column("role", _bytewise, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name="fk_project_members_organization_id"),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_project_members_project_id"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_project_members_user_id"),
        sa.PrimaryKeyConstraint("project_id", "user_id", name="pk_project_members"),
    )
    op.create_index(
        "ix_project_members_organization_id_role", "project_members", ["organization_id", "role"], unique=False
    )
    op.create_index(
        "ix_project_members_organization_id_user_id", "project_members", ["organization_id", "user_id"], unique=False
    )
    op.create_table(
        "scope_uses",
        sa.Column("api_key_id", _bytewise, nullable=False),
        sa.Column("audience", _bytewise, nullable=False),
        sa.Column("scope", _bytewise, nullable=False),
        sa.Column("last_used_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["api_key_id"], ["api_keys.id"], name="fk_scope_uses_api_key_id"),
        sa.PrimaryKeyConstraint("api_key_id", "audience", "scope", name="pk_scope_uses"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_scope_uses_last_used_at", "scope_uses", ["last_used_at"], unique=False)
    op.add_column("api_keys", sa.Column("user_id", _bytewise, nullable=True))
    op.create_index(
        "ix_api_keys_user",
        "api_keys",
        ["organization_id", "user_id", "id"],
        unique=False,
        sqlite_where=sa.text("user_id IS NOT NULL"),
        postgresql_where=sa.text("user_id IS NOT NULL"),
    )
    op.add_column("api_keys", sa.Column("import_digest", sa.LargeBinary(length=32), nullable=True))
    op.create_index(
        "ix_api_keys_imported",
        "api_keys",
        ["import_digest"],
        unique=True,
        sqlite_where=sa.text("import_digest IS NOT NULL"),
        postgresql_where=sa.text("import_digest IS NOT NULL"),
    )
    op.create_index(
        "ix_api_keys_unmoved",
        "api_keys",
        ["id"],
        unique=False,
        sqlite_where=sa.text("digest = import_digest"),
        postgresql_where=sa.text("digest = import_digest"),
    )
    op.create_index("ix_members_organization_id_role", "members", ["organization_id", "role"], unique=False)
    op.add_column("organizations", sa.Column("is_operator", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("organizations", sa.Column("disabled_at", sa.BigInteger(), nullable=True))
    # The operator is whose API Wayvo's own is.
    op.execute(
        "UPDATE organizations SET is_operator = true WHERE id IN (SELECT organization_id FROM apis WHERE built_in)"
    )
