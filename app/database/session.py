"""One round trip for one statement, on the connection of the thread."""

from collections.abc import Mapping
from threading import local
from typing import Any

import psycopg2
from flask import Flask, current_app
from psycopg2.errors import DuplicatePreparedStatement, FeatureNotSupported, InvalidSqlStatementName
from sqlalchemy.pool import PoolProxiedConnection

from app.database.engine import LIFETIME, PLANNING, is_readable
from app.database.failures import CANCELED, ENDING_CLASS, READ_ONLY, ROLLED_BACK, is_unavailable
from app.database.lifetime import Lifetime
from app.database.planning import Planning
from app.database.statement import Script, Statement
from app.extensions import db
from app.telemetry.metrics import POOL_IN_USE, POOL_WAITING, note_database_error

# Two statements in one string are one round trip and one implicit transaction, to which `SET LOCAL` is limited: this
# works behind a transaction pooler, too.
AS_USER = "SET LOCAL app.user_id TO %(app_user_id)s; "
SESSION = "tasks.session"  # the key in `app.extensions`

# The session does not have the prepared statement, or has another one of that name, or has a plan from before a column
# got another type ("cached plan must not change result type"). In each case nothing has run yet.
PLAN_FAULTS = (InvalidSqlStatementName, DuplicatePreparedStatement, FeatureNotSupported)


def init_app(app: Flask) -> None:
    """Have the application name the user to the database with each statement, where row security is wanted."""
    as_user = AS_USER if app.config["ROW_SECURITY"] else ""
    app.extensions[SESSION] = _Session(as_user, app.extensions[LIFETIME], app.extensions[PLANNING])


def fetch_all(user_id: str, statement: Statement | Script, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
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


def lend_connection() -> PoolProxiedConnection:
    """Return the connection of this thread, which then is the caller's to close. The thread borrows another one later.

    Raises SQLAlchemy's exceptions where there is none.
    """
    session: _Session = current_app.extensions[SESSION]
    return session.lend()


def name_user() -> str:
    """Return the statement that names the user of a transaction to the database, or "" without row security."""
    session: _Session = current_app.extensions[SESSION]
    return session.as_user


class _Session(local):
    """The connection that each thread borrows from the pool and keeps: borrowing it costs almost as much as a read.

    The pool has one connection for each thread that serves requests.
    """

    def __init__(self, as_user: str, lifetime: Lifetime, planning: Planning) -> None:
        self.as_user = as_user
        self.lifetime = lifetime
        self.planning = planning
        self.borrowed: PoolProxiedConnection | None = None
        self.prepared: set[str] = set()

    def run(self, statement: Statement | Script, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Execute the prepared statement; prepare it first, in the same round trip, where the session lacks it.

        Behind a transaction pooler, each transaction may reach another session of the server, with other prepared
        statements than the thread has noted. Where none can be had, the statement runs unprepared.
        """
        connection = self._connection()
        execute = self.planning.keep_plan + statement.execute if statement.keeps_plan else statement.execute
        if statement.name in self.prepared:
            try:
                return self._fetch_all(connection, execute, values)
            except PLAN_FAULTS:
                self.prepared.discard(statement.name)
        try:
            rows = self._fetch_all(connection, statement.prepare + execute, values)
        except PLAN_FAULTS:
            return self._fetch_all(connection, statement.sql, values)
        self.prepared.add(statement.name)
        return rows

    def lend(self) -> PoolProxiedConnection:
        """Give the connection of the thread away."""
        self._connection()
        borrowed, self.borrowed = self.borrowed, None
        self.prepared.clear()
        assert borrowed is not None  # noqa: S101 -- for mypy
        return borrowed

    def _fetch_all(self, connection: Any, sql: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        POOL_IN_USE.add(1)
        try:
            cursor = connection.cursor()
            cursor.execute(self.as_user + sql, values)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows
        except psycopg2.Error as error:
            self._leave_if_wrong(connection, error)
            raise
        finally:
            POOL_IN_USE.add(-1)

    def _leave_if_wrong(self, connection: Any, error: psycopg2.Error) -> None:
        """Do not use a connection again that is broken, or that leads to a server which does not write any more."""
        if error.pgcode == READ_ONLY:
            self.lifetime.end_all(connection)
        if connection.closed or (error.pgcode or "").startswith(ENDING_CLASS):
            self._drop(error)

    def _connection(self) -> Any:
        """Return this thread's connection of psycopg2: a new one where there is none, or where it has ended."""
        if self.borrowed is not None:
            connection = self.borrowed.dbapi_connection
            if not self.lifetime.is_over(self.borrowed.info) and not is_readable(connection):
                return connection
            self._drop()
        POOL_WAITING.add(1)
        try:
            self.borrowed = db.engine.raw_connection()
        finally:
            POOL_WAITING.add(-1)
        return self.borrowed.dbapi_connection

    def _drop(self, error: Exception | None = None) -> None:
        """Have the pool close the connection."""
        if self.borrowed is not None:
            self.borrowed.invalidate(error)
            self.borrowed = None
            self.prepared.clear()
