"""How we talk to PostgreSQL: driver, autocommit, liveness, timeouts, and what its errors mean."""

import select
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg2
from flask import Flask, current_app
from sqlalchemy import ClauseElement, Select, event, make_url
from sqlalchemy.dialects.postgresql.psycopg2 import dialect as psycopg2_dialect
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, DisconnectionError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from app import embedded
from app.extensions import db
from app.telemetry import POOL_IN_USE, POOL_WAITING, note_database_error

ROLLED_BACK = ("40001", "40P01")  # serialization failure, deadlock: the statement has changed nothing, for sure
UNDEFINED_TABLE = "42P01"
CANCELED = "57014"  # It took too long, and would again.

DIALECT = psycopg2_dialect()

# Two statements in one string are one round trip and one implicit transaction, to which the setting is local: this
# works behind a transaction pooler too.
AS_USER = "SELECT set_config('app.user_id', %(app_user_id)s, true); "

DATABASE_ERRORS = (SQLAlchemyError, psycopg2.Error)
POOL_TIMEOUT = 5  # seconds that a request waits for a connection of the pool
# As libpq has them. They bound each wait for a server that is gone without a word; how long a statement may take, and
# wait for a lock, is set on the role (`flask role-timeouts`), as a transaction pooler drops the settings of a session.
CONNECT_ARGUMENTS = {
    "application_name": "tasks-api",
    "connect_timeout": 5,  # seconds
    "keepalives_idle": 30,  # seconds
    "keepalives_interval": 5,  # seconds
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,  # milliseconds
}

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
        "connect_args": CONNECT_ARGUMENTS,
    }
    db.init_app(app)
    with app.app_context():
        event.listen(db.engine, "checkout", _require_silence)


def _require_silence(dbapi_connection: Any, *_: object) -> None:
    """Have the pool replace a connection that has died, at the price of one poll(2) instead of a round trip."""
    poll = select.poll()
    poll.register(dbapi_connection.fileno(), select.POLLIN)
    if poll.poll(0):
        # Readable while idle: the server has closed it, or is about to tell us so.
        raise DisconnectionError("the server has closed this connection")


class Statement:
    """A statement of SQLAlchemy's, compiled once, with the parameters that it brings along itself.

    It is run by psycopg2 itself: what SQLAlchemy does around a prebuilt statement costs more than the statement.
    """

    def __init__(self, executable: ClauseElement) -> None:
        compiled = executable.compile(dialect=DIALECT)
        self.sql = str(compiled)
        self.only_reads = isinstance(executable, Select)
        self.constants = {name: value for name, value in compiled.params.items() if value is not None}


def fetch_all(user_id: str, statement: Statement, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Run one statement as that user, in a transaction of its own, and return its rows.

    It is run once more where that is safe and may help. Raises SQLAlchemy's exceptions where there is no connection,
    and psycopg2's where it breaks or the server refuses.
    """
    sql = AS_USER + statement.sql if current_app.config["ROW_SECURITY"] else statement.sql
    values = {**statement.constants, **parameters, "app_user_id": user_id}
    try:
        return _fetch_all(sql, values)
    except psycopg2.Error as error:
        if error.pgcode in ROLLED_BACK or (statement.only_reads and is_unavailable(error) and error.pgcode != CANCELED):
            note_database_error(error.pgcode)
            return _fetch_all(sql, values)
        raise


def _fetch_all(sql: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with POOL_WAITING.track_inprogress():
        connection = db.engine.raw_connection()
    try:
        with POOL_IN_USE.track_inprogress():
            cursor = connection.cursor()
            cursor.execute(sql, values)
            return list(cursor.fetchall())
    except psycopg2.Error as error:
        if connection.dbapi_connection is not None and connection.dbapi_connection.closed:
            connection.invalidate(error)
        raise
    finally:
        connection.close()


def is_unavailable(error: Exception) -> bool:
    """Tell whether the database can't be reached or is too busy, so that the same request may succeed later."""
    if isinstance(error, PoolTimeoutError):
        return True
    cause = error.orig if isinstance(error, DBAPIError) else error
    if not isinstance(cause, psycopg2.Error):
        return False
    if cause.pgcode is None:
        # psycopg2 has no code for a connection that failed to open or died in use.
        return isinstance(cause, psycopg2.OperationalError | psycopg2.InterfaceError)
    return cause.pgcode.startswith(UNAVAILABLE_CLASSES) or cause.pgcode in UNAVAILABLE_CODES
