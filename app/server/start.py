"""What is checked before the service starts to serve."""

import click
from flask import Flask

from app.auth.exposure import require_privacy
from app.database import readiness
from app.extensions import db


def init_app(app: Flask) -> None:
    """Have `flask run` make the checks, too. Under gunicorn, `gunicorn.conf.py` does."""
    context = click.get_current_context(silent=True)
    if context is not None and context.info_name == "run":
        require_readiness(app, [context.params["host"]])


def require_readiness(app: Flask, hosts: list[str]) -> None:
    """Refuse to serve on these hosts where that would be unsafe, or from a database that is not prepared for it.

    Raises `config.StartError`.
    """
    require_privacy(app.config, hosts)
    with app.app_context():
        readiness.require_readiness()
        db.engine.dispose()  # A server may fork now, and a connection can't be shared.
