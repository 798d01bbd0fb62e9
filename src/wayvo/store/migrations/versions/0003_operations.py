"""The operations that an API declares."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("apis", sa.Column("operations", sa.Text(), nullable=False, server_default=sa.text("'[]'")))
