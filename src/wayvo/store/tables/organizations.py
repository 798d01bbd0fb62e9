"""Organizations, who belongs to them, and what they have."""

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, LargeBinary, Table, Text, UniqueConstraint, false

from wayvo.store.tables.types import Bytewise, metadata

organizations: Final = Table(
    "organizations",
    metadata,
    Column("id", Bytewise, primary_key=True),
    Column("name", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("is_operator", Boolean, nullable=False, server_default=false()),
    Column("disabled_at", BigInteger),
)
"""``is_operator`` is true for the first one. One that is disabled is denied everything until it is enabled again."""

users: Final = Table(
    "users",
    metadata,
    Column("id", Bytewise, primary_key=True),
    Column("email", Bytewise, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("password_hash", Text),
    Column("created_at", BigInteger, nullable=False),
)
"""``email`` is kept in lower case; ``password_hash`` is argon2id in its own encoding."""

members: Final = Table(
    "members",
    metadata,
    Column("organization_id", Bytewise, ForeignKey("organizations.id"), primary_key=True),
    Column("user_id", Bytewise, ForeignKey("users.id"), primary_key=True),
    Column("role", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index(None, "user_id"),
    # Is a custom role in use? Is there another owner?
    Index(None, "organization_id", "role"),
)
"""``role`` is the name of a built-in role, or the id of a custom one. Keys bound to a user are worth something only if
they are younger than the membership: who is invited again starts anew."""

roles: Final = Table(
    "roles",
    metadata,
    Column("id", Bytewise, primary_key=True),
    Column("organization_id", Bytewise, ForeignKey("organizations.id"), nullable=False),
    Column("name", Bytewise, nullable=False),
    Column("description", Text, nullable=False),
    Column("access", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("organization_id", "name"),
    Index(None, "organization_id", "id"),
)
"""Custom roles; ``access`` is JSON, audience to patterns, as an API key's."""

invitations: Final = Table(
    "invitations",
    metadata,
    Column("id", Bytewise, primary_key=True),
    Column("organization_id", Bytewise, ForeignKey("organizations.id"), nullable=False),
    Column("email", Bytewise, nullable=False),
    Column("role", Bytewise, nullable=False),
    Column("digest", LargeBinary(32), nullable=False, unique=True),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("accepted_at", BigInteger),
    Column("withdrawn_at", BigInteger),
    Column("user_id", Bytewise),
    Index(None, "organization_id", "id"),
    Index(None, "organization_id", "role"),
)
"""``digest`` is that of the token in the link, which is shown once. ``user_id`` is who accepted."""

projects: Final = Table(
    "projects",
    metadata,
    Column("id", Bytewise, primary_key=True),
    Column("organization_id", Bytewise, ForeignKey("organizations.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("archived_at", BigInteger),
    Index(None, "organization_id", "id"),
)

project_members: Final = Table(
    "project_members",
    metadata,
    Column("project_id", Bytewise, ForeignKey("projects.id"), primary_key=True),
    Column("user_id", Bytewise, ForeignKey("users.id"), primary_key=True),
    Column("organization_id", Bytewise, ForeignKey("organizations.id"), nullable=False),
    Column("role", Bytewise, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    # Who leaves the organization leaves its projects; a custom role in use is not deleted.
    Index(None, "organization_id", "user_id"),
    Index(None, "organization_id", "role"),
)
"""What a member may do in one project, beyond what the organization's role allows everywhere."""
