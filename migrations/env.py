"""How Alembic runs our migrations: all of them in one transaction, and in one process at a time."""

import logging

import click
from alembic import context
from flask import current_app
from sqlalchemy import text

from app.database.failures import stopping_at_errors
from app.database.migrations import is_newer, newest_migration
from app.database.readiness import find_encoding_fault, read_state
from config import StartError

logging.basicConfig(format="%(message)s")
logger = logging.getLogger("alembic.runtime.migration")
logger.setLevel(logging.INFO)

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
    fault = find_encoding_fault(read_state())
    if fault is not None:
        raise StartError(fault)
    with engine.connect().execution_options(isolation_level="READ COMMITTED") as connection:
        context.configure(connection=connection, target_metadata=migrate.db.metadata, **migrate.configure_args)
        with context.begin_transaction():
            connection.execute(LOCK)
            if not is_ahead():
                context.run_migrations()


def is_ahead() -> bool:
    """Tell whether a newer version has migrated the database, so that there is nothing to upgrade.

    Raises `StartError` for other commands than `flask db upgrade`, because Alembic can't go back from there.
    """
    newer = [revision for revision in context.get_context().get_current_heads() if is_newer(revision)]
    if not newer:
        return False
    sentence = f"The database is at migration {newer[0]}, of a newer version than this one, which ends at"
    command = click.get_current_context(silent=True)
    if command is None or command.info_name != "upgrade":
        raise StartError(f"{sentence} {newest_migration()}: use that version")
    logger.info("%s %s: there is nothing to upgrade", sentence, newest_migration())
    return True


if context.is_offline_mode():
    run_offline()
else:
    with stopping_at_errors():
        run_online()
