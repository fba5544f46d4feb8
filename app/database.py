"""How we talk to PostgreSQL: driver, autocommit, liveness, timeouts, and what its errors mean."""

import logging
import select
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import psycopg2
from alembic.script import ScriptDirectory
from flask import Flask
from psycopg2.errors import UndefinedTable
from sqlalchemy import Executable, Row, event, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, DisconnectionError, ProgrammingError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from app import embedded
from app.extensions import db, migrate
from config import StartError

logger = logging.getLogger(__name__)

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"
CONNECT_TIMEOUT = 5  # seconds, for one attempt to connect
POOL_TIMEOUT = 5  # seconds that a request waits for a connection of the pool

# The classes and codes of errors that pass by themselves, from the manual's appendix "PostgreSQL Error Codes".
UNAVAILABLE_CLASSES = (
    "08",  # connection exception
    "40",  # transaction rollback: serialization failure, deadlock
    "53",  # insufficient resources: too many connections, disk full
    "57",  # operator intervention: shutting down, statement cancelled
)
UNAVAILABLE_CODES = (
    "25006",  # read-only: a standby, or a fail-over in progress
    "55P03",  # lock not available
)


def engine_url(database_url: str) -> URL:
    """Return the URL with psycopg2 as its driver, whichever of its spellings `database_url` has."""
    return make_url(database_url).set(drivername="postgresql+psycopg2")


def init_app(app: Flask) -> None:
    """Give the application its engine: one connection for each thread, each statement committed by itself."""
    url = app.config["DATABASE_URL"] or embedded.url_of_running(Path(app.instance_path) / "postgresql")
    app.config["SQLALCHEMY_DATABASE_URI"] = engine_url(url)
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {
        "isolation_level": "AUTOCOMMIT",
        "pool_size": app.config["THREADS"],
        "max_overflow": 0,
        "pool_timeout": POOL_TIMEOUT,
        "pool_use_lifo": True,  # So that a pool larger than the load lets its idle connections go stale, not all.
        "use_native_hstore": False,  # Asks the catalogue for a type that we don't have, at each connect.
        "connect_args": {"connect_timeout": CONNECT_TIMEOUT, "application_name": "tasks-api"},
    }
    db.init_app(app)
    migrate.init_app(app, db, directory=str(MIGRATIONS))
    with app.app_context():
        event.listen(db.engine, "checkout", _require_silence)


def _require_silence(dbapi_connection: Any, *_: object) -> None:
    """Have the pool replace a connection that has died, at the price of one poll(2) instead of a round trip."""
    poll = select.poll()
    poll.register(dbapi_connection.fileno(), select.POLLIN)
    if poll.poll(0):
        # Readable while idle: the server has closed it, or is about to tell us so.
        raise DisconnectionError("the server has closed this connection")


@cache
def newest_migration() -> str | None:
    """Return the revision that `flask db upgrade` leads to."""
    return ScriptDirectory(str(MIGRATIONS)).get_current_head()


def schema_is_current() -> bool:
    """Ask the database whether its schema is at the newest migration."""
    try:
        rows = fetch_all(text("SELECT version_num FROM alembic_version"), {})
    except ProgrammingError as error:
        if isinstance(error.orig, UndefinedTable):
            return False  # No migration has ever run.
        raise
    return [row.version_num for row in rows] == [newest_migration()]


def require_newest_schema() -> None:
    """Refuse to serve from a database that lacks a migration; one that is away for now may come back.

    Raises `StartError`.
    """
    try:
        current = schema_is_current()
    except SQLAlchemyError as error:
        if not is_unavailable(error):
            raise
        logger.warning("The database can't be reached yet, so its schema is not checked: %s", error)
    else:
        if not current:
            raise StartError(f"The database is not at migration {newest_migration()}. First run: flask db upgrade")


def fetch_all(statement: Executable, parameters: Mapping[str, Any]) -> list[Row[Any]]:
    """Run one statement, in a transaction of its own, and return its rows."""
    with db.engine.connect() as connection:
        return list(connection.execute(statement, parameters))


def is_unavailable(error: Exception) -> bool:
    """Tell whether the database can't be reached or is too busy, so that the same request may succeed later."""
    if isinstance(error, PoolTimeoutError):
        return True
    if not isinstance(error, DBAPIError):
        return False
    code = getattr(error.orig, "pgcode", None)
    if code is None:
        # psycopg2 has no code for a connection that failed to open or died in use.
        return error.connection_invalidated or isinstance(
            error.orig, psycopg2.OperationalError | psycopg2.InterfaceError
        )
    return code.startswith(UNAVAILABLE_CLASSES) or code in UNAVAILABLE_CODES
