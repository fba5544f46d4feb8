"""Every SQL statement about tasks: plain functions, one statement each.

A task is a dict with the seven fields of the contract, ready to be sent. Functions that take a `task_id` raise
`TaskNotFound` where the user has no such task; all raise what `app.database.fetch_all` does.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from app.database import Statement, fetch_all
from app.errors import TaskNotFound
from app.tasks.models import Task

FIELDS = ("id", "user_id", "title", "description", "completed", "created_at", "updated_at")
UUID = re.compile("[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)

tasks = Task.__table__


def _as_sent(column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    """Let the server write what JSON has as a string: this is cheaper than objects in between.

    Times come in UTC whatever the session's time zone, and always with six digits.
    """
    if isinstance(column.type, sa.Uuid):
        return sa.cast(column, sa.Text)
    if isinstance(column.type, sa.DateTime):
        utc = sa.func.timezone(sa.literal_column("'UTC'"), column)
        return sa.func.to_char(utc, sa.literal_column("""'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'"""))
    return column


def _parameter(name: str, column: sa.Column[Any]) -> sa.BindParameter[Any]:
    return sa.bindparam(name, type_=column.type)


AS_SENT = [_as_sent(tasks.c[name]) for name in FIELDS]

# SQLAlchemy keeps the names of the columns for itself.
OWNER = _parameter("owner", tasks.c.user_id)
TITLE = _parameter("new_title", tasks.c.title)
DESCRIPTION = _parameter("new_description", tasks.c.description)
COMPLETED = _parameter("new_completed", tasks.c.completed)

THIS_TASK = sa.and_(tasks.c.user_id == OWNER, tasks.c.id == _parameter("task_id", tasks.c.id))

# `created_at` is the time in the id, so that both always tell the same order.
NEW_ID = sa.func.uuidv7().column_valued("new_id")
NOW = sa.func.uuidv7_timestamp(NEW_ID)

# Later than ever before, even where the clock of the server was set back, or a racing change read it first.
LATER = sa.func.greatest(sa.func.clock_timestamp(), tasks.c.updated_at + timedelta(microseconds=1))

LIST = Statement(sa.select(*AS_SENT).where(tasks.c.user_id == OWNER).order_by(tasks.c.id))
GET = Statement(sa.select(*AS_SENT).where(THIS_TASK))
ADD = Statement(
    sa.insert(tasks)
    .from_select(FIELDS, sa.select(NEW_ID, OWNER, TITLE, DESCRIPTION, COMPLETED, NOW, NOW))
    .returning(*AS_SENT)
)
UPDATE = Statement(
    sa.update(tasks)
    .where(THIS_TASK)
    .values(
        title=sa.func.coalesce(TITLE, tasks.c.title),
        description=sa.case((_parameter("has_description", tasks.c.completed), DESCRIPTION), else_=tasks.c.description),
        completed=sa.func.coalesce(COMPLETED, tasks.c.completed),
        updated_at=LATER,
    )
    .returning(*AS_SENT)
)
SET_COMPLETED = Statement(
    sa.update(tasks)
    .where(THIS_TASK)
    .values(completed=sa.func.coalesce(COMPLETED, ~tasks.c.completed), updated_at=LATER)
    .returning(*AS_SENT)
)
DELETE = Statement(sa.delete(tasks).where(THIS_TASK).returning(tasks.c.id))


def list_tasks(user_id: str) -> list[dict[str, Any]]:
    """Return all tasks of the user, oldest first."""
    return [dict(zip(FIELDS, row, strict=True)) for row in fetch_all(user_id, LIST, {"owner": user_id})]


def get(user_id: str, task_id: str) -> dict[str, Any]:
    """Return one task."""
    return _one(GET, user_id, task_id)


def add(user_id: str, title: str, description: str | None, completed: bool) -> dict[str, Any]:
    """Create a task and return it."""
    values = {"owner": user_id, "new_title": title, "new_description": description, "new_completed": completed}
    (row,) = fetch_all(user_id, ADD, values)
    return dict(zip(FIELDS, row, strict=True))


def update(user_id: str, task_id: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Change those of `title`, `description` and `completed` that are in `changes`, and return the task.

    Without any change the task stays as it is, its `updated_at` too.
    """
    if not changes:
        return get(user_id, task_id)
    return _one(
        UPDATE,
        user_id,
        task_id,
        new_title=changes.get("title"),
        has_description="description" in changes,
        new_description=changes.get("description"),
        new_completed=changes.get("completed"),
    )


def set_completed(user_id: str, task_id: str, completed: bool | None) -> dict[str, Any]:
    """Set `completed`, or flip it where it is None, and return the task."""
    return _one(SET_COMPLETED, user_id, task_id, new_completed=completed)


def delete(user_id: str, task_id: str) -> None:
    """Remove a task for good."""
    _rows(DELETE, user_id, task_id)


def _one(statement: Statement, user_id: str, task_id: str, **values: Any) -> dict[str, Any]:
    return dict(zip(FIELDS, _rows(statement, user_id, task_id, **values)[0], strict=True))


def _rows(statement: Statement, user_id: str, task_id: str, **values: Any) -> list[tuple[Any, ...]]:
    """Run a statement about one task. To a client an id is opaque: what is no UUID is the id of no task."""
    if UUID.fullmatch(task_id):
        rows = fetch_all(user_id, statement, {"owner": user_id, "task_id": task_id, **values})
        if rows:
            return rows
    raise TaskNotFound(task_id)
