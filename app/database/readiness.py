"""Whether the database is prepared for the service: its migration, its row security, the role in use."""

import logging
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from threading import Lock

from alembic.script import ScriptDirectory
from flask import Flask, current_app
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from app.database.failures import DATABASE_ERRORS, UNDEFINED_TABLE, is_unavailable
from app.database.ownership import owned_tables
from app.extensions import db
from config import ROOT, StartError

MIGRATIONS = ROOT / "migrations"

STATE = text(
    "SELECT version_num,"
    " coalesce((SELECT bool_and(relrowsecurity AND relforcerowsecurity) FROM unnest(CAST(:tables AS text[])) AS name"
    " LEFT JOIN pg_class ON oid = to_regclass(name)), false),"
    " NOT (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user)"
    " FROM alembic_version"
)

logger = logging.getLogger("app.state")

_asker = ThreadPoolExecutor(1, "readiness")
_asking: Future["State"] | None = None
_asking_lock = Lock()


@cache
def newest_migration() -> str | None:
    """Return the revision that `flask db upgrade` leads to."""
    return ScriptDirectory(str(MIGRATIONS)).get_current_head()


@dataclass(frozen=True)
class State:
    """What the database says of itself: its migration, whether all tables have row security and our role is bound."""

    migration: str | None
    row_security: bool
    role_is_bound: bool


def read_state() -> State:
    """Ask the database for its state. Raises SQLAlchemy's exceptions where it can't be asked."""
    with db.engine.connect() as connection:
        try:
            row = connection.execute(STATE, {"tables": owned_tables()}).one_or_none()
        except ProgrammingError as error:
            if getattr(error.orig, "pgcode", None) != UNDEFINED_TABLE:
                raise
            row = None  # No migration has ever run.
    return State(*row) if row is not None else State(None, False, False)


def read_state_in_time(seconds: float) -> State | None:
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
        return read_state()


def reason_not_ready(state: State) -> str | None:
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
        state = read_state()
    except DATABASE_ERRORS as error:
        if not is_unavailable(error):
            raise
        logger.warning("The database can't be reached yet, so its schema is not checked")
        return
    reason = reason_not_ready(state)
    if reason is not None:
        raise StartError(reason)
    if state.row_security and not state.role_is_bound:
        logger.warning("Row security does not bind the role in use: it is a superuser, or has BYPASSRLS")
