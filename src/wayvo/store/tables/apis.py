"""Protected APIs."""

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Table, Text, text

from wayvo.store.tables.types import Bytewise, metadata

apis: Final = Table(
    "apis",
    metadata,
    Column("id", Bytewise, primary_key=True),
    Column("organization_id", Bytewise, ForeignKey("organizations.id"), nullable=False),
    Column("audience", Bytewise, nullable=False, unique=True),
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
