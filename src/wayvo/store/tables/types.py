"""What all tables have in common: the names of their constraints, and text that compares by its bytes."""

from typing import Final

from sqlalchemy import MetaData, Text

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
Bytewise: Final = Text().with_variant(Text(collation="C"), "postgresql")
