"""`flask db`, `flask row-security` and `flask role-timeouts`: what prepares a database for the service."""

import click
from flask import Flask, current_app
from flask.cli import with_appcontext
from sqlalchemy import text

from app.database.failures import stopping_at_errors
from app.database.migrations import MIGRATIONS
from app.database.ownership import owned_tables
from app.database.timeouts import LOCK_TIMEOUT, STATEMENT_TIMEOUT
from app.extensions import db, migrate


def init_app(app: Flask) -> None:
    """Add the commands."""
    migrate.init_app(app, db, directory=str(MIGRATIONS))
    app.cli.add_command(set_row_security)
    app.cli.add_command(set_role_timeouts)


@click.command("role-timeouts")
@with_appcontext
def set_role_timeouts() -> None:
    """Bound how long a statement of the role in use may take, and wait for a lock, in new sessions."""
    with stopping_at_errors(), db.engine.connect() as connection:
        connection.execute(text(f"ALTER ROLE CURRENT_USER SET statement_timeout = '{STATEMENT_TIMEOUT}'"))
        connection.execute(text(f"ALTER ROLE CURRENT_USER SET lock_timeout = '{LOCK_TIMEOUT}'"))
    click.echo(f"A statement may take {STATEMENT_TIMEOUT}, and wait {LOCK_TIMEOUT} for a lock.")


@click.command("row-security")
@with_appcontext
def set_row_security() -> None:
    """Give the tables the row security that the setting asks for."""
    wanted = current_app.config["ROW_SECURITY"]
    enable, force = ("ENABLE", "FORCE") if wanted else ("DISABLE", "NO FORCE")
    # As one string this is one transaction, although the engine commits each statement: all tables or none.
    changes = (f"ALTER TABLE {name} {enable} ROW LEVEL SECURITY, {force} ROW LEVEL SECURITY" for name in owned_tables())
    with stopping_at_errors(), db.engine.connect() as connection:
        connection.execute(text("; ".join(changes)))
    click.echo(f"Row security is {'on' if wanted else 'off'}.")
