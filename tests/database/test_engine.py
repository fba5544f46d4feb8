"""The URL of the database, and what of it reaches the driver."""

import pytest

from app import create_app
from app.database.embedded import EmbeddedServer
from app.database.engine import make_engine_url
from app.extensions import db
from config import Config


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
def test_every_spelling_of_the_url_means_psycopg2(scheme: str) -> None:
    url = make_engine_url(f"{scheme}://me:p%40ss@ep-1.neon.tech/tasks?sslmode=require&channel_binding=require")
    assert (url.drivername, url.username, url.password, url.database) == ("postgresql+psycopg2", "me", "p@ss", "tasks")
    assert dict(url.query) == {"sslmode": "require", "channel_binding": "require"}


def test_the_parameters_of_neon_reach_the_driver(postgresql: EmbeddedServer) -> None:
    app = create_app(Config(DATABASE_URL=f"{postgresql.url()}&sslmode=disable&channel_binding=disable"))
    with app.app_context(), db.engine.connect() as connection:
        parameters = connection.connection.dbapi_connection.get_dsn_parameters()  # type: ignore[union-attr]  # It is open.
        assert (parameters["sslmode"], parameters["channel_binding"]) == ("disable", "disable")
        db.engine.dispose()
