"""How we talk to PostgreSQL: driver, autocommit, liveness, timeouts, and what its errors mean."""

import logging
import select
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import click
import psycopg2
from alembic.script import ScriptDirectory
from flask import Flask, current_app
from psycopg2.errors import UndefinedTable
from sqlalchemy import ClauseElement, event, make_url, text
from sqlalchemy.dialects.postgresql.psycopg2 import dialect as psycopg2_dialect
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, DisconnectionError, ProgrammingError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from app import embedded
from app.extensions import db, migrate
from config import StartError

logger = logging.getLogger(__name__)

DIALECT = psycopg2_dialect()

# Two statements in one string are one round trip and one implicit transaction, to which the setting is local: this
# works behind a transaction pooler too.
AS_USER = "SELECT set_config('app.user_id', %(app_user_id)s, true); "

STATE = text(
    "SELECT version_num,"
    " coalesce((SELECT relrowsecurity AND relforcerowsecurity FROM pg_class WHERE oid = to_regclass('tasks')), false),"
    " NOT (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user)"
    " FROM alembic_version"
)

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"
DATABASE_ERRORS = (SQLAlchemyError, psycopg2.Error)
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
    app.cli.add_command(set_row_security)
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
        self.constants = {name: value for name, value in compiled.params.items() if value is not None}


def fetch_all(user_id: str, statement: Statement, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Run one statement as that user, in a transaction of its own, and return its rows.

    Raises SQLAlchemy's exceptions where there is no connection, and psycopg2's where it breaks or the server refuses.
    """
    prefix = AS_USER if current_app.config["ROW_SECURITY"] else ""
    connection = db.engine.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute(prefix + statement.sql, {**statement.constants, **parameters, "app_user_id": user_id})
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


@click.command("row-security")
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
