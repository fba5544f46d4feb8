"""What the errors of PostgreSQL and of its driver mean (manual, appendix "PostgreSQL Error Codes")."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
from psycopg2.errors import LockNotAvailable, ReadOnlySqlTransaction, UniqueViolation
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from config import StartError

UNIQUE_VIOLATION = UniqueViolation
WRITE_REFUSED = ReadOnlySqlTransaction
LOCK_NOT_AVAILABLE = LockNotAvailable
DATABASE_ERRORS = (SQLAlchemyError, psycopg2.Error)

ROLLED_BACK = ("40001", "40P01")  # serialization failure, deadlock: the statement has certainly changed nothing
CANCELED = "57014"  # The statement took too long, and would again.
READ_ONLY = "25006"  # a standby, `default_transaction_read_only`, or a fail-over in progress
ENDING_CLASS = "57P"  # The server ends the session, or the database is gone.

# Errors that pass without anybody's help.
UNAVAILABLE_CLASSES = (
    "08",  # connection exception
    "40",  # transaction rollback: serialization failure, deadlock
    "53",  # insufficient resources: too many connections, disk full
    "57",  # operator intervention: shutting down, statement cancelled
)
UNAVAILABLE_CODES = (
    READ_ONLY,
    "55P03",  # lock not available
)


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


def describe(error: Exception) -> str:
    """Return the cause in one line, as the server or libpq puts it. Neither of them ever repeats a password."""
    return " ".join(str(getattr(error, "orig", error)).split())


@contextmanager
def stopping_at_errors() -> Iterator[None]:
    """End a command with a sentence, instead of a traceback, where the database can't be reached or refuses."""
    try:
        yield
    except DATABASE_ERRORS as error:
        problem = "can't be used now" if is_unavailable(error) else "refuses"
        raise StartError(f"The database {problem}: {describe(error)}") from error
