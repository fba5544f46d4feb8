"""How Alembic runs our migrations: all of them in one transaction, and in one process at a time."""

import logging

from alembic import context
from flask import current_app
from sqlalchemy import text

logging.basicConfig(format="%(message)s")
logging.getLogger("alembic.runtime.migration").setLevel(logging.INFO)

migrate = current_app.extensions["migrate"]
engine = migrate.db.engine

LOCK = text("SELECT pg_advisory_xact_lock(hashtext('tasks-api migrations'))")


def run_offline() -> None:
    """Write the SQL to standard output instead of running it (`flask db upgrade --sql`)."""
    context.configure(url=engine.url, target_metadata=migrate.db.metadata, literal_binds=True, **migrate.configure_args)
    with context.begin_transaction():
        context.run_migrations()


def run_online() -> None:
    """Bring the database to the wanted revision. The application's engine commits each statement, so ask otherwise."""
    with engine.connect().execution_options(isolation_level="READ COMMITTED") as connection:
        context.configure(connection=connection, target_metadata=migrate.db.metadata, **migrate.configure_args)
        with context.begin_transaction():
            connection.execute(LOCK)
            context.run_migrations()


if context.is_offline_mode():
    run_offline()
else:
    run_online()
