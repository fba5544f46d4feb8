"""Every SQL statement about tasks: plain functions, one statement each.

A task is a dict with the seven fields of the contract, ready to be sent. Functions that take a `task_id` raise
`TaskNotFound` where the user has no such task; all raise what `app.database.fetch_all` does.
"""

import re
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from app.database.session import Statement, fetch_all
from app.tasks.models import Task
from app.web.errors import TaskNotFound

FIELDS = ("id", "user_id", "title", "description", "completed", "created_at", "updated_at")
UUID = re.compile("[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)

tasks = Task.__table__


def _as_sent(column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    """Let the server write what JSON has as a string: this is cheaper than objects in between.

    Times come in UTC whatever the session's time zone, and always with six digits.
    """
    if isinstance(column.type, sa.DateTime):
        return sa.func.to_char(_in_utc(column), sa.literal_column("""'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'"""))
    return _as_returned(column)


def _as_returned(column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    """Return the same of a row that was changed, but its times as they are: Citus has no `to_char` in `RETURNING`."""
    if isinstance(column.type, sa.Uuid):
        return sa.cast(column, sa.Text)
    return _in_utc(column) if isinstance(column.type, sa.DateTime) else column


def _in_utc(time: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """Take the time zone from a time that has one, or give it to one that has none."""
    return sa.func.timezone(sa.literal_column("'UTC'"), time)


def _parameter(name: str, column: sa.Column[Any]) -> sa.BindParameter[Any]:
    return sa.bindparam(name, type_=column.type)


AS_SENT = [_as_sent(tasks.c[name]) for name in FIELDS]
AS_RETURNED = [_as_returned(tasks.c[name]) for name in FIELDS]

# SQLAlchemy keeps the names of the columns for itself.
OWNER = _parameter("owner", tasks.c.user_id)
TITLE = _parameter("new_title", tasks.c.title)
DESCRIPTION = _parameter("new_description", tasks.c.description)
COMPLETED = _parameter("new_completed", tasks.c.completed)

THIS_TASK = sa.and_(tasks.c.user_id == OWNER, tasks.c.id == _parameter("task_id", tasks.c.id))

# One reading of the clock makes the id and the times, so that all tell the same order.
NOW = sa.func.statement_timestamp()

# Later than ever before, even where the clock of the server was set back, or a racing change read it first. To a time
# with a zone nothing may be added in an UPDATE on Citus.
A_LITTLE: sa.ColumnElement[Any] = sa.literal_column("interval '1 microsecond'")
LATER = sa.func.greatest(NOW, _in_utc(_in_utc(tasks.c.updated_at) + A_LITTLE))

LIST = Statement("list", sa.select(*AS_SENT).where(tasks.c.user_id == OWNER).order_by(tasks.c.id))
GET = Statement("get", sa.select(*AS_SENT).where(THIS_TASK))
ADD = Statement(
    "add",
    sa.insert(tasks)
    .values(
        id=sa.func.uuidv7_at(NOW),
        user_id=OWNER,
        title=TITLE,
        description=DESCRIPTION,
        completed=COMPLETED,
        created_at=NOW,
        updated_at=NOW,
    )
    .returning(*AS_RETURNED),
)
UPDATE = Statement(
    "update",
    sa.update(tasks)
    .where(THIS_TASK)
    .values(
        title=sa.func.coalesce(TITLE, tasks.c.title),
        description=sa.case((_parameter("has_description", tasks.c.completed), DESCRIPTION), else_=tasks.c.description),
        completed=sa.func.coalesce(COMPLETED, tasks.c.completed),
        updated_at=LATER,
    )
    .returning(*AS_RETURNED),
)
SET_COMPLETED = Statement(
    "set_completed",
    sa.update(tasks)
    .where(THIS_TASK)
    .values(completed=sa.func.coalesce(COMPLETED, ~tasks.c.completed), updated_at=LATER)
    .returning(*AS_RETURNED),
)
DELETE = Statement("delete", sa.delete(tasks).where(THIS_TASK).returning(tasks.c.id))


def list_tasks(user_id: str) -> list[dict[str, Any]]:
    """Return all tasks of the user, oldest first."""
    return [_task(row) for row in fetch_all(user_id, LIST, {"owner": user_id})]


def get(user_id: str, task_id: str) -> dict[str, Any]:
    """Return one task."""
    return _task(_row(GET, user_id, task_id))


def add(user_id: str, title: str, description: str | None, completed: bool) -> dict[str, Any]:
    """Create a task and return it."""
    values = {"owner": user_id, "new_title": title, "new_description": description, "new_completed": completed}
    (row,) = fetch_all(user_id, ADD, values)
    return _changed(row)


def update(user_id: str, task_id: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Change those of `title`, `description` and `completed` that are in `changes`, and return the task.

    Without any change the task stays as it is, its `updated_at` too.
    """
    if not changes:
        return get(user_id, task_id)
    row = _row(
        UPDATE,
        user_id,
        task_id,
        new_title=changes.get("title"),
        has_description="description" in changes,
        new_description=changes.get("description"),
        new_completed=changes.get("completed"),
    )
    return _changed(row)


def set_completed(user_id: str, task_id: str, completed: bool | None) -> dict[str, Any]:
    """Set `completed`, or flip it where it is None, and return the task."""
    return _changed(_row(SET_COMPLETED, user_id, task_id, new_completed=completed))


def delete(user_id: str, task_id: str) -> None:
    """Remove a task for good."""
    _row(DELETE, user_id, task_id)


def _task(row: tuple[Any, ...]) -> dict[str, Any]:
    """Give the columns their names. Written out, as `dict(zip(...))` takes twice as long."""
    task_id, user_id, title, description, completed, created_at, updated_at = row
    return {
        "id": task_id,
        "user_id": user_id,
        "title": title,
        "description": description,
        "completed": completed,
        "created_at": created_at,
        "updated_at": updated_at,
    }


def _changed(row: tuple[Any, ...]) -> dict[str, Any]:
    """Return the task of a row that was changed."""
    *rest, created_at, updated_at = row
    return _task((*rest, *(f"{time.isoformat(timespec='microseconds')}Z" for time in (created_at, updated_at))))


def _row(statement: Statement, user_id: str, task_id: str, **values: Any) -> tuple[Any, ...]:
    """Run a statement about one task. To a client an id is opaque: what is no UUID is the id of no task."""
    if UUID.fullmatch(task_id):
        rows = fetch_all(user_id, statement, {"owner": user_id, "task_id": task_id, **values})
        if rows:
            return rows[0]
    raise TaskNotFound(task_id)
