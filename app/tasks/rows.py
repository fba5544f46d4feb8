"""Rows of the database as tasks: dicts with the fields of a view, ready to be sent."""

from collections.abc import Iterable
from typing import Any

from app.tasks.columns import FIELDS
from config import FULL

Task = dict[str, Any]
Row = tuple[Any, ...]


def make_tasks(user_id: str, rows: Iterable[Row], view: str) -> list[Task]:
    """Give the columns of rows, which are those of `FIELDS`, their names.

    Where `updated_at` is null, it is the same as `created_at`. The names are written out, because `dict(zip(...))`
    takes two to three times as long.
    """
    return _make_full_tasks(user_id, rows) if view == FULL else _make_basic_tasks(user_id, rows)


def read_task(user_id: str, row: Row, view: str) -> tuple[Task, int]:
    """Return the task of a row, and its version, which comes last."""
    (task,) = make_tasks(user_id, [row[: len(FIELDS[view])]], view)
    return task, row[-1]


def read_changed_task(user_id: str, row: Row, view: str) -> tuple[Task, int]:
    """Do the same with a changed row, whose times are not text yet."""
    task, version = read_task(user_id, row, view)
    for name in ("created_at", "updated_at", "completed_at"):
        if task.get(name) is not None:
            task[name] = f"{task[name].isoformat(timespec='microseconds')}Z"
    return task, version


def _make_basic_tasks(user_id: str, rows: Iterable[Row]) -> list[Task]:
    return [
        {
            "id": task_id,
            "user_id": user_id,
            "title": title,
            "description": description,
            "completed": completed,
            "created_at": created_at,
            "updated_at": updated_at or created_at,
        }
        for task_id, title, description, completed, created_at, updated_at in rows
    ]


def _make_full_tasks(user_id: str, rows: Iterable[Row]) -> list[Task]:
    return [
        {
            "id": task_id,
            "user_id": user_id,
            "title": title,
            "description": description,
            "completed": completed,
            "created_at": created_at,
            "updated_at": updated_at or created_at,
            "priority": priority,
            "due_date": due_date,
            "time_zone": time_zone,
            "tags": tags,
            "recurrence": recurrence,
            "recurrence_from": recurrence_from,
            "completed_at": completed_at,
            "version": version,
        }
        for (task_id, title, description, completed, created_at, updated_at, priority, due_date, time_zone, tags,
             recurrence, recurrence_from, completed_at, version) in rows
    ]  # fmt: skip
