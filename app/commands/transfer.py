"""`flask export` and `flask erase`: what a user may ask of an operator."""

from typing import IO, Any

import click
from flask import Flask
from flask.cli import with_appcontext
from marshmallow import ValidationError

from app.database.failures import stopping_at_errors
from app.tasks.schemas import USER_ID
from app.transfer import repository
from app.transfer.formats import FORMATS, JSON


def init_app(app: Flask) -> None:
    """Add the commands."""
    app.cli.add_command(export_user)
    app.cli.add_command(erase_user)


class UserId(click.ParamType[str]):
    """A text that can be a user_id in a path of the API."""

    name = "user_id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text, or fail with a sentence."""
        try:
            user_id: str = USER_ID.deserialize(value)
        except ValidationError:
            self.fail(f"{value!r} can't be the id of a user", param, ctx)
        return user_id


@click.command("export")
@click.argument("user_id", type=UserId())
@click.option("--format", "name", default=JSON.name, show_default=True, type=click.Choice([*FORMATS]))
@click.option("--output", default="-", type=click.File("wb", atomic=True), help="A file, instead of standard output.")
@with_appcontext
def export_user(user_id: str, name: str, output: IO[bytes]) -> None:
    """Write every task of USER_ID, in full and from one snapshot."""
    with stopping_at_errors():
        export = repository.open_export(user_id)
        try:
            for part in FORMATS[name].write(export):
                output.write(part)
        finally:
            export.close()
    click.echo(f"{export.count} tasks of {user_id} were written.", err=True)


@click.command("erase")
@click.argument("user_id", type=UserId())
@click.confirmation_option(prompt="This erases everything that is kept of the user, for good. Go on?")
@with_appcontext
def erase_user(user_id: str) -> None:
    """Erase everything that is kept of USER_ID, for good."""
    with stopping_at_errors():
        repository.erase(user_id, None)
    click.echo(f"All data of {user_id} was erased.")
