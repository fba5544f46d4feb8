"""`flask token`: a token for trying the service out, and for scripts."""

import re
from datetime import timedelta
from typing import Any

import click
from flask import Flask, current_app
from flask.cli import with_appcontext

from app.auth.tokens import sign
from config import SECRET


def init_app(app: Flask) -> None:
    """Add the command."""
    app.cli.add_command(print_token)


class Lifetime(click.ParamType[timedelta]):
    """A time span such as 90s, 30m, 1h or 7d."""

    name = "lifetime"
    units = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Return the time span, or fail with a sentence."""
        match = re.fullmatch(r"([1-9]\d{0,8})([smhd])", value)
        if match is None:
            self.fail(f"{value!r} is not a number of s, m, h or d, such as 90s or 1h", param, ctx)
        return timedelta(**{self.units[match[2]]: int(match[1])})


@click.command("token")
@click.argument("user_id")
@click.option("--expires", default="1h", show_default=True, type=Lifetime(), help="For how long: 90s, 30m, 1h, 7d.")
@with_appcontext
def print_token(user_id: str, expires: timedelta) -> None:
    """Print a token for USER_ID, in the mode of a shared secret."""
    config = current_app.config
    if config["AUTH_MODE"] != SECRET:
        raise click.ClickException(f"only AUTH_MODE={SECRET} can sign tokens; here it is {config['AUTH_MODE']}")
    click.echo(sign(user_id, expires, config))
