"""What the errors of PostgreSQL and of its driver mean (manual, appendix "PostgreSQL Error Codes")."""

import psycopg2
from psycopg2.errors import UniqueViolation
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

UNIQUE_VIOLATION = UniqueViolation
DATABASE_ERRORS = (SQLAlchemyError, psycopg2.Error)

ROLLED_BACK = ("40001", "40P01")  # serialization failure, deadlock: the statement has certainly changed nothing
UNDEFINED_TABLE = "42P01"
CANCELED = "57014"  # The statement took too long, and would again.

# Errors that pass without anybody's help.
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
