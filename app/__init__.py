"""A REST API that keeps each user's tasks in PostgreSQL."""

import click
from flask import Flask

from app.auth import tokens as auth
from app.commands import doctor
from app.database import readiness as state
from app.database import session as database
from app.extensions import api, db
from app.tasks import views as tasks
from app.telemetry import requests as telemetry
from app.web import errors, headers, openapi
from app.web import service as health
from app.web.application import Application
from app.web.json import StrictJSONProvider
from config import Config


def create_app(config: Config | None = None) -> Flask:
    """Return the application, set up by `config`, or by the environment.

    Raises `config.StartError` where a setting is wrong, or where no database is given and none can be started.
    """
    app = Application(__name__, static_folder="web/static", template_folder="web/templates")
    app.config.from_object(config or Config.from_environment())
    app.json = StrictJSONProvider(app)
    app.url_map.strict_slashes = False  # A redirect makes some clients drop the body of a POST.
    app.url_map.merge_slashes = False
    telemetry.init_app(app)
    database.init_app(app)
    state.init_app(app)
    openapi.init_app(app)
    errors.init_app(app)
    headers.init_app(app)
    auth.init_app(app)
    doctor.init_app(app)
    api.register_blueprint(tasks.blueprint)
    api.register_blueprint(health.blueprint)
    context = click.get_current_context(silent=True)
    if context is not None and context.info_name == "run":  # `flask run`: there is no gunicorn.conf.py to look.
        require_readiness(app, [context.params["host"]])
    return app


def require_readiness(app: Flask, hosts: list[str]) -> None:
    """Refuse to serve on these hosts where that would be unsafe, or from a database that is not prepared for it.

    Raises `config.StartError`.
    """
    auth.require_privacy(app.config, hosts)
    with app.app_context():
        state.require_readiness()
        db.engine.dispose()  # A server may fork now, and a connection can't be shared.
