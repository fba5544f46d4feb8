"""What can be done with tasks: plain functions, one round trip each.

A task is a dict with the seven fields of the contract, ready to be sent. Functions that take a `task_id` raise
`TaskNotFound` where the user has no such task; all raise what `app.database.session.fetch_all` does.
"""

import re
from collections.abc import Mapping
from typing import Any

from app.database.session import fetch_all
from app.database.statement import Statement
from app.exceptions import TaskNotFound
from app.tasks import statements

UUID = re.compile("[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)


def list_tasks(user_id: str) -> list[dict[str, Any]]:
    """Return all tasks of the user, oldest first."""
    return [_task(row) for row in fetch_all(user_id, statements.LIST, {"owner": user_id})]


def get(user_id: str, task_id: str) -> dict[str, Any]:
    """Return one task."""
    return _task(_row(statements.GET, user_id, task_id))


def add(user_id: str, title: str, description: str | None, completed: bool) -> dict[str, Any]:
    """Create a task and return it."""
    values = {"owner": user_id, "new_title": title, "new_description": description, "new_completed": completed}
    (row,) = fetch_all(user_id, statements.ADD, values)
    return _changed(row)


def update(user_id: str, task_id: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Change those of `title`, `description` and `completed` that are in `changes`, and return the task.

    Without any change the task stays as it is, its `updated_at` too.
    """
    if not changes:
        return get(user_id, task_id)
    row = _row(
        statements.UPDATE,
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
    return _changed(_row(statements.SET_COMPLETED, user_id, task_id, new_completed=completed))


def delete(user_id: str, task_id: str) -> None:
    """Remove a task for good."""
    _row(statements.DELETE, user_id, task_id)


def _task(row: tuple[Any, ...]) -> dict[str, Any]:
    """Give the columns of a row their names. `dict(zip(...))` would take twice as long."""
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
    """Return the task of a changed row, whose times are not text yet."""
    *rest, created_at, updated_at = row
    return _task((*rest, *(f"{time.isoformat(timespec='microseconds')}Z" for time in (created_at, updated_at))))


def _row(statement: Statement, user_id: str, task_id: str, **values: Any) -> tuple[Any, ...]:
    """Run a statement about one task and return its row. A text that is no UUID is the id of no task."""
    if UUID.fullmatch(task_id):
        rows = fetch_all(user_id, statement, {"owner": user_id, "task_id": task_id, **values})
        if rows:
            return rows[0]
    raise TaskNotFound(task_id)
