"""A REST API that keeps each user's tasks in PostgreSQL."""

from flask import Flask

import app.changes.models  # noqa: F401 -- Migrations and row security are about the tables of all models.
from app.auth import owner
from app.changes import views as change_views
from app.commands import database as database_commands
from app.commands import doctor, epoch, mcp, token
from app.commands import transfer as transfer_commands
from app.database import engine, session
from app.extensions import api
from app.server import start
from app.tasks import views as task_views
from app.telemetry import requests
from app.transfer import views as transfer_views
from app.web import downloads, errors, headers, hosts, openapi, service
from app.web.application import Application
from app.web.json import StrictJSONProvider
from config import Config


def create_app(config: Config | None = None) -> Flask:
    """Return the application, set up by `config`, or by the environment.

    Raises `config.StartError` where a setting is wrong.
    """
    app = Application(__name__, static_folder="web/static", template_folder="web/templates")
    app.config.from_object(config or Config.from_environment())
    app.json = StrictJSONProvider(app)
    app.url_map.strict_slashes = False  # A redirect makes some clients drop the body of a POST.
    app.url_map.merge_slashes = False
    for room in (engine, session, openapi, errors, downloads, headers, hosts, owner):
        room.init_app(app)
    for room in (database_commands, doctor, epoch, mcp, token, transfer_commands):
        room.init_app(app)
    for blueprint in (task_views.blueprint, change_views.blueprint, transfer_views.blueprint, service.blueprint):
        api.register_blueprint(blueprint)
    requests.init_app(app)
    start.init_app(app)
    return app
