"""Whether the database is prepared for the service: its encoding, its migration, its row security, the role in use."""

import logging
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock

from flask import Flask, current_app
from sqlalchemy import text

from app.database.failures import DATABASE_ERRORS, describe, is_unavailable
from app.database.lifetime import end_read_only_session
from app.database.migrations import is_newer, newest_migration
from app.database.ownership import owned_tables
from app.extensions import db
from config import StartError

ENCODING = "UTF8"  # the only one of PostgreSQL's that has all characters

# Two statements: on Citus, `alembic_version` can be a table that no statement may join with the catalogue.
MIGRATION = text("SELECT version_num FROM alembic_version")
STATE = text(
    "SELECT current_setting('server_encoding') AS encoding,"
    " (SELECT CASE WHEN bool_and(oid IS NOT NULL) THEN bool_and(relrowsecurity AND relforcerowsecurity) END"
    " FROM unnest(CAST(:tables AS text[])) AS name LEFT JOIN pg_class ON oid = to_regclass(name)) AS row_security,"
    " (SELECT NOT (rolsuper OR rolbypassrls) FROM pg_roles WHERE rolname = current_user) AS role_is_bound,"
    " current_setting('transaction_read_only')::bool AS is_read_only,"
    " pg_is_in_recovery() AS is_standby,"
    " to_regclass('alembic_version') IS NOT NULL AS was_migrated"
)

logger = logging.getLogger("app.state")

_asker = ThreadPoolExecutor(1, "readiness")
_asking: Future["State"] | None = None
_asking_lock = Lock()


@dataclass(frozen=True)
class State:
    """What the database says of itself and of the session."""

    migration: str | None  # None: no migration has run.
    encoding: str
    row_security: bool | None  # of all tables with data of users; None: one of them is missing.
    role_is_bound: bool | None  # by row security; None: unknown.
    is_read_only: bool
    is_standby: bool


def read_state() -> State:
    """Ask the database for its state. Raises SQLAlchemy's exceptions where it can't be asked."""
    with db.engine.connect() as connection:
        found = dict(connection.execute(STATE, {"tables": owned_tables()}).one()._mapping)
        migration = connection.execute(MIGRATION).scalar() if found.pop("was_migrated") else None
        state = State(migration, **found)
        if state.is_read_only and not state.is_standby:
            end_read_only_session(connection.connection.dbapi_connection)
            connection.invalidate()  # The next check asks in a new session.
    return state


def read_state_in_time(seconds: float) -> State | None:
    """Return the state of the database, or None where it can't be had in that time.

    One thread asks, however many wait: a database that hangs does not eat up the connections.
    """
    global _asking  # noqa: PLW0603 -- what all who ask have in common.
    with _asking_lock:
        if _asking is None or _asking.done():
            _asking = _asker.submit(_read_state_of, current_app._get_current_object())  # type: ignore[attr-defined]  # of the proxy
        asking = _asking
    try:
        return asking.result(seconds)
    except (TimeoutError, *DATABASE_ERRORS):
        return None


def _read_state_of(app: Flask) -> State:
    with app.app_context():
        return read_state()


def find_encoding_fault(state: State) -> str | None:
    """Return what is wrong with the encoding, and how to mend it, or None."""
    if state.encoding == ENCODING:
        return None
    return (
        f"The encoding of the database is {state.encoding}, which can't keep every character. Use a database that was"
        f" made by: CREATE DATABASE new_name ENCODING '{ENCODING}' TEMPLATE template0"
    )


def find_schema_fault(state: State) -> str | None:
    """Return what is wrong with the tables, and how to mend it, or None. A newer migration is no fault."""
    wanted = current_app.config["ROW_SECURITY"]
    if state.migration is None or (state.migration != newest_migration() and not is_newer(state.migration)):
        return f"The database is not at migration {newest_migration()}. First run: flask db upgrade"
    if state.row_security is None:
        return f"The database is at migration {state.migration}, but lacks a table of the service. Check DATABASE_URL"
    if state.row_security != wanted:
        return f"ROW_SECURITY is {'on' if wanted else 'off'}, but not so in the database. First run: flask row-security"
    return None


def find_write_fault(state: State) -> str | None:
    """Return why no task can be written, or None. A standby is there for reads."""
    if state.is_read_only and not state.is_standby:
        return "The database is read-only: default_transaction_read_only is on, for it, its role or the server"
    return None


def find_fault(state: State) -> str | None:
    """Return what keeps us from serving, with what mends it, or None."""
    return find_encoding_fault(state) or find_schema_fault(state) or find_write_fault(state)


def require_readiness() -> None:
    """Refuse to serve from a database that is not prepared for it; one that can't be reached may come back.

    Raises `StartError`.
    """
    try:
        state = read_state()
    except DATABASE_ERRORS as error:
        if not is_unavailable(error):
            raise StartError(f"The database refuses: {describe(error)}") from error
        logger.warning("The database can't be reached yet, so its schema is not checked: %s", describe(error))
        return
    fault = find_encoding_fault(state) or find_schema_fault(state)
    if fault is not None:
        raise StartError(fault)
    if is_newer(str(state.migration)):
        logger.info("The database is at migration %s, of a newer version than this one", state.migration)
    if state.is_read_only:
        logger.warning("%s", find_write_fault(state) or "The database is a standby: each write is answered 503")
    if state.row_security and state.role_is_bound is False:
        logger.warning("Row security does not bind the role in use: it is a superuser, or has BYPASSRLS")
