"""`flask new-epoch`: what follows a restore, and an upgrade from 1.0."""

import click
from flask import Flask
from flask.cli import with_appcontext

from app.changes.epochs import renew_epochs
from app.database.failures import stopping_at_errors
from app.database.readiness import find_schema_fault, read_state
from config import StartError


def init_app(app: Flask) -> None:
    """Add the command."""
    app.cli.add_command(start_new_epoch)


@click.command("new-epoch")
@click.option(
    "--hours",
    default=24,
    show_default=True,
    type=click.IntRange(0, 100_000),
    help="Tasks that were written within so many hours get new versions, too.",
)
@with_appcontext
def start_new_epoch(hours: int) -> None:
    """Have all clients synchronize anew, and count the tasks of each user again.

    Run it after the restore of a back-up, before the service starts; after a fail-over that may have lost writes; and
    when the last instance of version 1.0 has ended.
    """
    with stopping_at_errors():
        fault = find_schema_fault(read_state())
        if fault is not None:
            raise StartError(fault)
        users = renew_epochs(hours)
    click.echo(f"Each of {users} users has a new epoch.")
