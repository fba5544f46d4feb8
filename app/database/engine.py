"""The engine of SQLAlchemy: driver, autocommit, timeouts, and the pool of connections."""

import select
from functools import partial
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import event, make_url
from sqlalchemy.engine import URL, Dialect
from sqlalchemy.exc import DisconnectionError

from app.database import embedded
from app.database.lifetime import Lifetime
from app.database.planning import Planning
from app.extensions import db

LIFETIME, PLANNING = ("tasks.lifetime", "tasks.planning")  # keys in `app.extensions`
POOL_TIMEOUT = 5  # seconds that a request waits for a connection of the pool
EMBEDDED_URL = f"postgresql://{embedded.ROLE}@/{embedded.DATABASE}"  # Where its socket is, is known once it runs.
# Parameters of libpq. Most of them bound a wait for a server that no longer answers; app/database/timeouts.py has the
# bounds for statements.
CONNECT_ARGUMENTS = {
    "application_name": "tasks-api",
    # Else a session inherits what is set for the database or the role. PgBouncer compares the spelling: with another
    # one than the server's it would set the encoding again in each transaction.
    "client_encoding": "UTF8",
    "connect_timeout": 5,  # seconds
    "keepalives_idle": 30,  # seconds
    "keepalives_interval": 5,  # seconds
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,  # milliseconds
}


def init_app(app: Flask) -> None:
    """Give the application its engine: one connection for each thread, each statement committed by itself."""
    is_embedded = app.config["DATABASE_URL"] is None
    app.config["SQLALCHEMY_DATABASE_URI"] = make_engine_url(app.config["DATABASE_URL"] or EMBEDDED_URL)
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {
        "isolation_level": "AUTOCOMMIT",
        "pool_size": app.config["THREADS"] + 1,  # The last one is for the checks of readiness.
        "max_overflow": 0,
        "pool_timeout": POOL_TIMEOUT,
        "use_native_hstore": False,  # Otherwise each new connection asks the catalogue for a type that is not used.
        "connect_args": CONNECT_ARGUMENTS,
    }
    lifetime = app.extensions[LIFETIME] = Lifetime(app.config["DATABASE_CONNECTION_MAX_AGE"])
    planning = app.extensions[PLANNING] = Planning()
    db.init_app(app)
    app.teardown_appcontext_funcs.clear()  # Flask-SQLAlchemy's only one ends sessions of its ORM, which is not used.
    with app.app_context():
        if is_embedded:
            data = Path(app.instance_path) / "postgresql"
            event.listen(db.engine, "do_connect", partial(_reach_embedded_server, data))
        event.listen(db.engine, "first_connect", planning.learn)
        event.listen(db.engine, "connect", lifetime.begin)
        event.listen(db.engine, "checkout", lifetime.require_time_left)
        event.listen(db.engine, "checkout", _require_silence)


def make_engine_url(database_url: str) -> URL:
    """Return the URL with psycopg2 as its driver, whichever of its spellings `database_url` has."""
    return make_url(database_url).set(drivername="postgresql+psycopg2")


def is_readable(connection: Any) -> bool:
    """Tell whether an idle connection has ended, at the price of one poll(2) instead of a round trip.

    A server sends nothing to an idle client except the end of the connection, or a notice that it is near.
    """
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def _reach_embedded_server(data: Path, dialect: Dialect, _record: object, _args: object, parameters: Any) -> None:
    """Have a new connection reach the embedded server, which starts with the first one: some commands need none.

    Raises `config.StartError` where it can't be started.
    """
    _, reached = dialect.create_connect_args(make_engine_url(embedded.start_server(data)))
    parameters.update(reached)


def _require_silence(dbapi_connection: Any, *_: object) -> None:
    """Have the pool replace a connection that has ended."""
    if is_readable(dbapi_connection):
        raise DisconnectionError("the server has closed this connection")
