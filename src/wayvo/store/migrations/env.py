"""Runs the migrations on the connection that :mod:`wayvo.store.schema` hands over."""

from alembic import context

from wayvo.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transaction_per_migration=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
