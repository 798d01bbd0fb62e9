"""The last batch that each node committed."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_bytewise = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "last_batches",
        sa.Column("node", _bytewise, nullable=False),
        sa.Column("batch", sa.Text(), nullable=False),
        sa.Column("written_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("node", name="pk_last_batches"),
    )
