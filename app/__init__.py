"""A REST API that keeps each user's tasks in PostgreSQL."""

import click
from flask import Flask

from app import database, errors, health, openapi
from app.extensions import api
from app.json import StrictJSONProvider
from app.tasks import views as tasks
from config import Config


def create_app(config: Config | None = None) -> Flask:
    """Return the application, set up by `config`, or by the environment.

    Raises `config.StartError` where a setting is wrong, or where no database is given and none can be started.
    """
    app = Flask(__name__)
    app.config.from_object(config or Config.from_environment())
    app.json = StrictJSONProvider(app)
    app.url_map.strict_slashes = False  # A redirect makes some clients drop the body of a POST.
    app.url_map.merge_slashes = False
    database.init_app(app)
    openapi.init_app(app)
    errors.init_app(app)
    api.register_blueprint(tasks.blueprint)
    api.register_blueprint(health.blueprint)
    if _is_development_server():
        with app.app_context():
            database.require_newest_schema()
    return app


def _is_development_server() -> bool:
    """Tell whether `flask run` asks; gunicorn.conf.py looks at the schema once for all workers."""
    context = click.get_current_context(silent=True)
    return context is not None and context.info_name == "run"
