"""In what state the database is, whether we may serve from it, and the commands that prepare it."""

import logging
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock

import click
from alembic.script import ScriptDirectory
from flask import Flask, current_app
from flask.cli import with_appcontext
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from app.database.session import DATABASE_ERRORS, UNDEFINED_TABLE, is_unavailable
from app.extensions import db, migrate
from config import StartError

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"
STATEMENT_TIMEOUT = "5s"
LOCK_TIMEOUT = "2s"

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

logger = logging.getLogger("app.state")

_asker = ThreadPoolExecutor(1, "readiness")
_asking: Future["State"] | None = None
_asking_lock = Lock()


def init_app(app: Flask) -> None:
    """Add the commands: `flask db`, `flask row-security` and `flask role-timeouts`."""
    migrate.init_app(app, db, directory=str(MIGRATIONS))
    app.cli.add_command(set_row_security)
    app.cli.add_command(set_role_timeouts)


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
            if getattr(error.orig, "pgcode", None) != UNDEFINED_TABLE:
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
    except DATABASE_ERRORS as error:
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
