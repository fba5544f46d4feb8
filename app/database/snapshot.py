"""Long answers: rows in batches, all from one snapshot of the database, without holding them in memory at once."""

from collections.abc import Generator, Mapping
from threading import BoundedSemaphore
from typing import Any

import psycopg2
from flask import Flask, current_app
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import PoolProxiedConnection

from app.database.session import lend_connection, name_user
from app.database.statement import Statement
from app.telemetry.metrics import POOL_IN_USE

SLOTS = "tasks.snapshots"  # the key in `app.extensions`
SLOT_TIMEOUT = 2  # seconds that a request waits until another snapshot has ended
BATCH = 100  # rows
# A client that stops reading would otherwise keep the server from removing dead rows.
BEGIN = (
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"
    " SET LOCAL idle_in_transaction_session_timeout = '30s'; {as_user}"
    "DECLARE snapshot NO SCROLL CURSOR FOR {rows}; {head}"
)
FETCH = f"FETCH {BATCH} FROM snapshot"

Rows = list[tuple[Any, ...]]
Snapshot = Generator[Rows]


def init_app(app: Flask) -> None:
    """Let half of the threads read snapshots at the same time: each may have to wait for a client that reads slowly."""
    app.extensions[SLOTS] = BoundedSemaphore(max(1, app.config["THREADS"] // 2))


def read_snapshot(user_id: str, head: Statement, rows: Statement, parameters: Mapping[str, Any]) -> Snapshot:
    """Run two statements as that user: give all rows of the first one, then those of the second one in batches.

    The connection of the thread is in use until the iterator is exhausted or closed, whichever thread does it. The
    first step needs the application; it raises what `app.database.session.fetch_all` does.
    """
    slots: BoundedSemaphore = current_app.extensions[SLOTS]
    if not slots.acquire(timeout=SLOT_TIMEOUT):
        raise PoolTimeoutError("too many clients are reading snapshots")
    try:
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
    finally:
        slots.release()


def _give_back(connection: PoolProxiedConnection) -> None:
    """End the transaction and return the connection to the pool, which closes one that is broken."""
    try:
        connection.cursor().execute("ROLLBACK")
    except psycopg2.Error as error:
        connection.invalidate(error)
    else:
        connection.close()
