"""New epochs for all users, where clients must not rely on the versions that they were given."""

import secrets
from collections.abc import Iterator
from typing import Any

from app.changes import statements
from app.extensions import db

USERS_AT_ONCE = 1000  # in one transaction


def renew_epochs(hours: int) -> int:
    """Give each user a new epoch, a version above all that were ever given out, and the right number of tasks.

    Tasks that were written within so many hours get such a version, too. Clients may go on reading and writing. Where
    this fails halfway, do it again. Return the number of users. Raises SQLAlchemy's exceptions.
    """
    values = {"seed": secrets.token_hex(16), "hours": hours, "most": USERS_AT_ONCE}
    count = 0
    # Elsewhere the engine commits each statement; here a transaction has several.
    with db.engine.connect().execution_options(isolation_level="READ COMMITTED") as connection:
        for users in _list_all_users(connection, values):
            _execute_for(users, connection, statements.RENEW, values)
            count += len(users)
        owners = _list_users(connection, "tasks", statements.OWNERS_OF_RECENT_TASKS, values)
        for start in range(0, len(owners), USERS_AT_ONCE):
            _execute_for(owners[start : start + USERS_AT_ONCE], connection, statements.RENUMBER_TASKS, values)
    return count


def _list_all_users(connection: Any, values: dict[str, Any]) -> Iterator[list[str]]:
    """Give the ids of all users who have tasks, and then of those who have a row of another epoch."""
    for table, statement in (("tasks", statements.OWNERS), ("users", statements.USERS_OF_OTHER_EPOCHS)):
        users = [""]
        while users := _list_users(connection, table, statement, {**values, "after": users[-1]}):
            yield users


def _list_users(connection: Any, table: str, statement: Any, values: dict[str, Any]) -> list[str]:
    """Return ids of users that a statement finds in that table. Requests wait for its lock meanwhile."""
    with connection.begin():
        for setting in statements.SHOW_ALL_ROWS:
            connection.execute(setting)
        is_forced = connection.execute(statements.IS_FORCED, {"table": table}).scalar_one()
        if is_forced:
            connection.exec_driver_sql(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        users: list[str] = connection.execute(statement, values).scalars().all()
        if is_forced:
            connection.exec_driver_sql(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    return users


def _execute_for(users: list[str], connection: Any, statement: Any, values: dict[str, Any]) -> None:
    with connection.begin():
        connection.execute(statement, [{**values, "owner": user_id} for user_id in users])
