"""How we talk to PostgreSQL: driver, autocommit, liveness, timeouts, and what its errors mean."""

import hashlib
import select
from collections.abc import Mapping
from pathlib import Path
from threading import local
from typing import Any, cast

import psycopg2
from flask import Flask, current_app
from psycopg2.errors import DuplicatePreparedStatement, InvalidSqlStatementName
from sqlalchemy import ClauseElement, Select, event, make_url
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.dialects.postgresql.psycopg2 import dialect as psycopg2_dialect
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, DisconnectionError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import PoolProxiedConnection
from sqlalchemy.sql.compiler import SQLCompiler

from app.database import embedded
from app.extensions import db
from app.telemetry.requests import POOL_IN_USE, POOL_WAITING, note_database_error

ROLLED_BACK = ("40001", "40P01")  # serialization failure, deadlock: the statement has changed nothing, for sure
UNDEFINED_TABLE = "42P01"
CANCELED = "57014"  # It took too long, and would again.

NAMED = psycopg2_dialect()  # %(name)s
NUMBERED = PGDialect(paramstyle="numeric_dollar")  # $1

# Two statements in one string are one round trip and one implicit transaction, to which the setting is local: this
# works behind a transaction pooler too.
AS_USER = "SET LOCAL app.user_id TO %(app_user_id)s; "

DATABASE_ERRORS = (SQLAlchemyError, psycopg2.Error)
SESSION = "tasks.session"  # in the application's extensions
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
        "pool_size": app.config["THREADS"] + 1,  # The last one is for the checks of readiness.
        "max_overflow": 0,
        "pool_timeout": POOL_TIMEOUT,
        "use_native_hstore": False,  # Asks the catalogue for a type that we don't have, at each connect.
        "connect_args": CONNECT_ARGUMENTS,
    }
    db.init_app(app)
    app.extensions[SESSION] = _Session(AS_USER if app.config["ROW_SECURITY"] else "")
    with app.app_context():
        event.listen(db.engine, "checkout", _require_silence)


def _require_silence(dbapi_connection: Any, *_: object) -> None:
    """Have the pool replace a connection that has died."""
    if _is_readable(dbapi_connection):
        raise DisconnectionError("the server has closed this connection")


def _is_readable(connection: Any) -> bool:
    """Tell whether an idle connection has died, at the price of one poll(2) instead of a round trip.

    Readable while idle: the server has closed it, or is about to tell us so.
    """
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


class Statement:
    """A statement of SQLAlchemy's with named parameters, compiled once.

    It is run by psycopg2 itself, as what SQLAlchemy does around a statement costs more than the statement. The server
    prepares it once for each of its sessions: to parse and plan it takes longer than to run it.
    """

    def __init__(self, name: str, executable: ClauseElement) -> None:
        self.sql = str(executable.compile(dialect=NAMED))
        self.only_reads = isinstance(executable, Select)
        numbered = cast(SQLCompiler, executable.compile(dialect=NUMBERED))
        # What else there may be of that name, of another version of ours, is another statement.
        self.name = f"tasks_{name}_{hashlib.sha256(str(numbered).encode()).hexdigest()[:8]}"
        arguments = ", ".join(f"%({parameter})s" for parameter in numbered.positiontup or ())
        self.execute = f"EXECUTE {self.name}({arguments})"
        self.prepare = f"PREPARE {self.name} AS {str(numbered).replace('%', '%%')}; "


def fetch_all(user_id: str, statement: Statement, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Run one statement as that user, in a transaction of its own, and return its rows.

    It is run once more where that is safe and may help. Raises SQLAlchemy's exceptions where there is no connection,
    and psycopg2's where it breaks or the server refuses.
    """
    session: _Session = current_app.extensions[SESSION]
    values = {**parameters, "app_user_id": user_id}
    try:
        return session.run(statement, values)
    except psycopg2.Error as error:
        if error.pgcode in ROLLED_BACK or (statement.only_reads and is_unavailable(error) and error.pgcode != CANCELED):
            note_database_error(error.pgcode)
            return session.run(statement, values)
        raise


class _Session(local):
    """What each thread has borrowed from the pool, and keeps: to borrow it each time costs almost what a read does.

    As many threads as the pool has connections serve requests, so nobody is left without.
    """

    def __init__(self, as_user: str) -> None:
        self.as_user = as_user
        self.borrowed: PoolProxiedConnection | None = None
        self.prepared: set[str] = set()

    def run(self, statement: Statement, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Run the statement as it is prepared, preparing it first where it is not."""
        connection = self._connection()
        is_prepared = statement.name in self.prepared  # In a new connection, nothing is.
        self.prepared.add(statement.name)
        try:
            sql = statement.execute if is_prepared else statement.prepare + statement.execute
            return self._fetch_all(connection, sql, values)
        except InvalidSqlStatementName:
            self.prepared.discard(statement.name)
        except DuplicatePreparedStatement:
            pass  # So it is prepared, and we know it now.
        # Behind a transaction pooler each transaction may come to another session of the server than the one before, in
        # which this is otherwise. Nothing has been run: this goes unprepared.
        return self._fetch_all(connection, statement.sql, values)

    def _fetch_all(self, connection: Any, sql: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        POOL_IN_USE.inc()
        try:
            cursor = connection.cursor()
            cursor.execute(self.as_user + sql, values)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows
        except psycopg2.Error as error:
            if connection.closed:
                self._drop(error)
            raise
        finally:
            POOL_IN_USE.dec()

    def _connection(self) -> Any:
        """Return psycopg2's connection of this thread, a new one where there is none, or it has died while idle."""
        if self.borrowed is not None:
            connection = self.borrowed.dbapi_connection
            if not _is_readable(connection):
                return connection
            self._drop()
        with POOL_WAITING.track_inprogress():
            self.borrowed = db.engine.raw_connection()
        return self.borrowed.dbapi_connection

    def _drop(self, error: Exception | None = None) -> None:
        """Have the pool close the connection, which is broken."""
        if self.borrowed is not None:
            self.borrowed.invalidate(error)
            self.borrowed = None
            self.prepared.clear()


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
