"""Rows in batches, all from one snapshot of the database, without holding them in memory at once."""

from collections.abc import Generator, Mapping
from typing import Any

import psycopg2
from sqlalchemy.pool import PoolProxiedConnection

from app.database.failures import CANCELED, is_unavailable
from app.database.session import lend_connection, name_user
from app.database.statement import Statement
from app.telemetry.metrics import POOL_IN_USE, note_database_error

BATCH = 100  # rows
BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {as_user}DECLARE snapshot NO SCROLL CURSOR FOR {rows}; {head}"
FETCH = f"FETCH {BATCH} FROM snapshot"

Rows = list[tuple[Any, ...]]
Snapshot = Generator[Rows]


def open_snapshot(
    user_id: str, head: Statement, rows: Statement, parameters: Mapping[str, Any]
) -> tuple[Rows, Snapshot]:
    """Run two statements as that user: return the rows of the first one, and an iterator of batches of the second.

    The connection is in use until the iterator is exhausted or closed. The beginning is tried once more where the
    database was unavailable. Raises what `app.database.session.fetch_all` does.
    """
    snapshot = _read_snapshot(user_id, head, rows, parameters)
    try:
        return next(snapshot), snapshot
    except psycopg2.Error as error:
        if not is_unavailable(error) or error.pgcode == CANCELED:
            raise
        note_database_error(error.pgcode)
    snapshot = _read_snapshot(user_id, head, rows, parameters)
    return next(snapshot), snapshot


def _read_snapshot(user_id: str, head: Statement, rows: Statement, parameters: Mapping[str, Any]) -> Snapshot:
    """Give the rows of the first statement, then those of the second one in batches."""
    sql = BEGIN.format(as_user=name_user(), rows=rows.sql, head=head.sql)
    connection = lend_connection()
    POOL_IN_USE.add(1)
    try:
        cursor = connection.cursor()
        cursor.execute(sql, {**parameters, "app_user_id": user_id})
        yield list(cursor.fetchall())
        cursor.execute(FETCH)
        while batch := cursor.fetchall():
            yield list(batch)
            cursor.execute(FETCH)
    finally:
        POOL_IN_USE.add(-1)
        _give_back(connection)


def _give_back(connection: PoolProxiedConnection) -> None:
    """End the transaction and return the connection to the pool, which closes one that is broken."""
    try:
        connection.cursor().execute("ROLLBACK")
    except psycopg2.Error as error:
        connection.invalidate(error)
    else:
        connection.close()
