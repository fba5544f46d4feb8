"""How we talk to PostgreSQL: driver, autocommit, liveness, timeouts, and what its errors mean."""

import logging
import select
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

import click
import psycopg2
from alembic.script import ScriptDirectory
from flask import Flask, current_app
from flask.cli import with_appcontext
from psycopg2.errors import UndefinedTable
from sqlalchemy import ClauseElement, Select, event, make_url, text
from sqlalchemy.dialects.postgresql.psycopg2 import dialect as psycopg2_dialect
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, DisconnectionError, ProgrammingError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from app import embedded
from app.extensions import db, migrate
from app.telemetry import POOL_IN_USE, POOL_WAITING, note_database_error
from config import StartError

logger = logging.getLogger(__name__)

ROLLED_BACK = ("40001", "40P01")  # serialization failure, deadlock: the statement has changed nothing, for sure
CANCELED = "57014"  # It took too long, and would again.

DIALECT = psycopg2_dialect()

# Two statements in one string are one round trip and one implicit transaction, to which the setting is local: this
# works behind a transaction pooler too.
AS_USER = "SELECT set_config('app.user_id', %(app_user_id)s, true); "

FACTS = text(
    "SELECT current_setting('server_version'), current_user::text, current_setting('statement_timeout'),"
    " current_setting('lock_timeout'),"
    " current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,"
    " extract(epoch FROM clock_timestamp())::float8"
)

STATE = text(
    "SELECT version_num,"
    " coalesce((SELECT relrowsecurity AND relforcerowsecurity FROM pg_class WHERE oid = to_regclass('tasks')), false),"
    " NOT (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user)"
    " FROM alembic_version"
)

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"
DATABASE_ERRORS = (SQLAlchemyError, psycopg2.Error)
POOL_TIMEOUT = 5  # seconds that a request waits for a connection of the pool
# As libpq has them. They bound each wait for a server that is gone without a word; how long a statement may take, and
# wait for a lock, is set on the role, because a transaction pooler drops the settings of a session.
CONNECT_ARGUMENTS = {
    "application_name": "tasks-api",
    "connect_timeout": 5,  # seconds
    "keepalives_idle": 30,  # seconds
    "keepalives_interval": 5,  # seconds
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,  # milliseconds
}
STATEMENT_TIMEOUT = "5s"
LOCK_TIMEOUT = "2s"

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
    migrate.init_app(app, db, directory=str(MIGRATIONS))
    app.cli.add_command(set_row_security)
    app.cli.add_command(set_role_timeouts)
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


@cache
def newest_migration() -> str | None:
    """Return the revision that `flask db upgrade` leads to."""
    return ScriptDirectory(str(MIGRATIONS)).get_current_head()


_asker = ThreadPoolExecutor(1, "readiness")
_asking: Future["State"] | None = None
_asking_lock = Lock()


@dataclass(frozen=True)
class State:
    """What the database says of itself: its migration, whether `tasks` has row security, whether our role is bound."""

    migration: str | None
    row_security: bool
    role_is_bound: bool


def state() -> State:
    """Ask the database for its state. Raises SQLAlchemy's exceptions where it can't be asked."""
    with db.engine.connect() as connection:
        try:
            row = connection.execute(STATE).one_or_none()
        except ProgrammingError as error:
            if not isinstance(error.orig, UndefinedTable):
                raise
            row = None  # No migration has ever run.
    return State(*row) if row is not None else State(None, False, False)


@dataclass(frozen=True)
class Facts:
    """What an operator may want to know of the server and the session."""

    is_local: bool
    uses_tls: bool
    version: str
    role: str
    statement_timeout: str
    lock_timeout: str
    connections: int  # for roles that are no superusers
    clock: float  # seconds since 1970


def facts() -> Facts:
    """Ask the server for them. Raises SQLAlchemy's exceptions where it can't be asked."""
    with db.engine.connect() as connection:
        row = connection.execute(FACTS).one()
        info = connection.connection.dbapi_connection.info  # type: ignore[union-attr]
        is_local = info.host.startswith("/") or info.host in ("localhost", "127.0.0.1", "::1")
        return Facts(is_local, info.ssl_in_use, *row)


def state_in_time(seconds: float) -> State | None:
    """Return the state of the database, or None where it can't be had in that time.

    One thread asks, however many wait: a database that hangs does not eat up the connections.
    """
    global _asking  # noqa: PLW0603 -- what all who ask have in common.
    with _asking_lock:
        if _asking is None or _asking.done():
            _asking = _asker.submit(_state_of, current_app._get_current_object())  # type: ignore[attr-defined]
        asking = _asking
    try:
        return asking.result(seconds)
    except (TimeoutError, *DATABASE_ERRORS):
        return None


def _state_of(app: Flask) -> State:
    with app.app_context():
        return state()


def fault_of(state: State) -> str | None:
    """Return what keeps us from serving, with the command that mends it, or None."""
    wanted = current_app.config["ROW_SECURITY"]
    if state.migration != newest_migration():
        return f"The database is not at migration {newest_migration()}. First run: flask db upgrade"
    if state.row_security != wanted:
        return f"ROW_SECURITY is {'on' if wanted else 'off'}, but not so in the database. First run: flask row-security"
    return None


def require_readiness() -> None:
    """Refuse to serve from a database that is not prepared for it; one that is away for now may come back.

    Raises `StartError`.
    """
    try:
        found = state()
    except SQLAlchemyError as error:
        if not is_unavailable(error):
            raise
        logger.warning("The database can't be reached yet, so its schema is not checked")
        return
    fault = fault_of(found)
    if fault is not None:
        raise StartError(fault)
    if found.row_security and not found.role_is_bound:
        logger.warning("Row security does not bind the role in use: it is a superuser, or has BYPASSRLS")


@click.command("role-timeouts")
@with_appcontext
def set_role_timeouts() -> None:
    """Bound how long a statement of the role in use may take, and wait for a lock, in new sessions."""
    with db.engine.connect() as connection:
        connection.execute(text(f"ALTER ROLE CURRENT_USER SET statement_timeout = '{STATEMENT_TIMEOUT}'"))
        connection.execute(text(f"ALTER ROLE CURRENT_USER SET lock_timeout = '{LOCK_TIMEOUT}'"))
    click.echo(f"A statement may take {STATEMENT_TIMEOUT}, and wait {LOCK_TIMEOUT} for a lock.")


@click.command("row-security")
@with_appcontext
def set_row_security() -> None:
    """Give the table the row security that the setting asks for."""
    wanted = current_app.config["ROW_SECURITY"]
    enable, force = ("ENABLE", "FORCE") if wanted else ("DISABLE", "NO FORCE")
    with db.engine.connect() as connection:
        connection.execute(text(f"ALTER TABLE tasks {enable} ROW LEVEL SECURITY, {force} ROW LEVEL SECURITY"))
    click.echo(f"Row security is {'on' if wanted else 'off'}.")


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
