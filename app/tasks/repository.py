"""What can be done with tasks: plain functions, one round trip each.

A task is a dict with the fields of the wanted view, ready to be sent; it comes with its version. Functions that take a
`task_id` raise `TaskNotFound` where the user has no such task. Those that change something raise `PreconditionFailed`
where `accepted` does not have the version of the task (None accepts any), and change nothing then. All raise what
`app.database.session.fetch_all` does.
"""

import random
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from app.database.failures import UNIQUE_VIOLATION, WRITE_REFUSED
from app.database.session import fetch_all
from app.database.statement import Statement
from app.exceptions import FieldsConflict, KeyReused, PreconditionFailed, TaskLimitReached, TaskNotFound
from app.tasks import statements
from app.tasks.columns import FIELDS, SENT_FIELDS, TEXT_KEYS
from app.tasks.criteria import Criteria
from app.tasks.page_statements import PAGES
from app.tasks.rows import Row, Task, make_tasks, read_changed_task, read_task
from config import BASIC, FULL

UUID = re.compile("[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
EMPTY_TAG = "0-0"  # of a user who has never had a task
# Of tasks that are older than the row of their user, on a standby, which can't make it. No version has this epoch, so
# the tag is never matched, and as a token it has expired.
UNCOUNTED_TAG = "uncounted-0"
SENT_PARAMETERS = {name: f"new_{name}" for name in SENT_FIELDS}
COUNTED_FROM_DUE = "due"
DELETIONS_PER_REMOVAL = 16  # fewer than the tombstones that are removed at once, so that they do not pile up


@dataclass(frozen=True)
class Key:
    """What names a request that may be repeated: its key, and a hash of what it means."""

    text: str
    fingerprint: bytes


@dataclass(frozen=True)
class Page:
    """A part of a list: tag, tasks, how many there are in all, and the position of the last one if more follow."""

    tag: str
    tasks: list[Task] | None
    total: int | None
    position: list[Any] | None


def list_tasks(user_id: str, view: str, seen: list[str] | None) -> tuple[str, list[Task] | None]:
    """Return the tag of the list and all tasks of the user, oldest first; None for them where the tag was seen."""
    rows = fetch_all(user_id, statements.LIST[view], {"owner": user_id, "seen": seen})
    tag = rows.pop(0)[0]
    if tag is None and rows and count_old_tasks(user_id):
        return list_tasks(user_id, view, None)
    tag = tag or make_tag(None, None, has_tasks=bool(rows))
    is_known = seen is not None and tag in seen and not rows
    return tag, None if is_known else make_tasks(user_id, rows, view)


def list_page(user_id: str, criteria: Criteria, seen: list[str] | None) -> Page:
    """Return the tasks that match, sorted, as many as are asked for. The page has no tasks where its tag was seen."""
    key, after_id = criteria.position or (None, None)
    parameters = {
        "owner": user_id,
        "seen": seen,
        **criteria.filters,
        "must_count": criteria.has_filters and criteria.is_part,
        "after_key": key,
        "after_id": after_id,
        "most": None if criteria.limit is None else criteria.limit + 1,
        "skipped": criteria.skipped,
    }
    rows = fetch_all(user_id, PAGES[criteria.view, criteria.sort, criteria.order], parameters)
    tag, *_, number = rows.pop(0)
    is_known = number is None
    total = int(number or 0) if criteria.is_part else len(rows)
    if tag is None and total and count_old_tasks(user_id):
        return list_page(user_id, criteria, None)
    if tag is None:
        tag = make_tag(None, None, has_tasks=bool(total))
        is_known = tag == EMPTY_TAG and tag in (seen or ())
    if is_known:
        return Page(tag, None, None, None)
    shown = rows if criteria.limit is None else rows[: criteria.limit]
    position = None
    if len(rows) > len(shown):
        last_id, *_, last_key = shown[-1]
        position = [last_key if last_key is None or criteria.sort in TEXT_KEYS else int(last_key), last_id]
    return Page(tag, make_tasks(user_id, [row[:-1] for row in shown], criteria.view), total, position)


def get_list_tag(user_id: str) -> str:
    """Return the tag of the user's lists."""
    rows = fetch_all(user_id, statements.HEAD, {"owner": user_id})
    return make_tag(*rows[0]) if rows else list_tasks(user_id, BASIC, None)[0]


def get(user_id: str, task_id: str, view: str) -> tuple[Task, int]:
    """Return one task."""
    row = _find(statements.GET[view], user_id, {"task_id": task_id})
    return read_task(user_id, row, view)


def add(user_id: str, values: Mapping[str, Any], view: str, most: int) -> tuple[Task, int]:
    """Create a task. Raises `TaskLimitReached` where the user has `most` tasks; 0 is no limit."""
    parameters = _values_of_new_task(user_id, values, most)
    rows = fetch_all(user_id, statements.ADD[view], parameters)
    if not rows:
        rows = fetch_all(user_id, statements.ADD_FIRST[view], {**parameters, "epoch": make_epoch()})
    if not rows:
        raise TaskLimitReached(most)
    return read_changed_task(user_id, rows[0], view)


def add_once(user_id: str, values: Mapping[str, Any], view: str, most: int, key: Key) -> tuple[Task, int, bool]:
    """Create a task, unless the key was used before: then return what was answered, in that view, and True.

    Raises `TaskLimitReached`, or `KeyReused` where the key was used with another request.
    """
    parameters = {
        **_values_of_new_task(user_id, values, most),
        **_values_of_key(key, view),
        "epoch": make_epoch(),
    }
    rows = _fetch_once(user_id, statements.ADD_ONCE, parameters)
    if not rows:
        raise TaskLimitReached(most)
    return _read_answer(user_id, rows[0], key)


def update(  # noqa: PLR0913, PLR0917 -- all of them are what one request says.
    user_id: str, task_id: str, changes: Mapping[str, Any], view: str, accepted: list[int] | None, most: int
) -> tuple[Task, int]:
    """Change the fields of the view that are in `changes`, and return the task.

    Without any change the task stays as it is, its version and `updated_at` too. Raises `FieldsConflict` where fields
    exclude or need each other after the change, and `TaskLimitReached` as `set_completed` does.
    """
    if not changes:
        task, version = get(user_id, task_id, view)
        if accepted is not None and version not in accepted:
            raise PreconditionFailed(version)
        return task, version
    parameters = {
        "new_title": changes.get("title"),
        "has_description": "description" in changes,
        "new_description": changes.get("description"),
        **_values_of_completion(task_id, changes.get("completed"), accepted, most),
    }
    if view == FULL:
        for name, parameter in SENT_PARAMETERS.items():
            parameters[f"has_{name}"] = name in changes
            parameters[parameter] = changes.get(name)
    row = _change(statements.UPDATE[view], user_id, parameters, statements.UPDATE_RECURRING.get(view))
    return read_changed_task(user_id, row[2:], view)


def set_completed(  # noqa: PLR0913, PLR0917 -- all of them are what one request says.
    user_id: str, task_id: str, completed: bool | None, view: str, accepted: list[int] | None, most: int
) -> tuple[Task, int]:
    """Set `completed`, or flip it where it is None, and return the task.

    A task with a rule gets a successor when it is completed. Raises `TaskLimitReached` where that would be one too
    many.
    """
    parameters = _values_of_completion(task_id, completed, accepted, most)
    row = _change(statements.SET_COMPLETED[view], user_id, parameters, statements.SET_COMPLETED_RECURRING[view])
    return read_changed_task(user_id, row[2:], view)


def set_completed_once(  # noqa: PLR0913, PLR0917 -- all of them are what one request says.
    user_id: str, task_id: str, completed: bool | None, view: str, accepted: list[int] | None, most: int, key: Key
) -> tuple[Task, int, bool]:
    """Do the same, unless the key was used before: then return what was answered, and True. Raises `KeyReused`."""
    # A text that is no UUID is the id of no task, so the key was used with another request, if it was used at all.
    if not UUID.fullmatch(task_id) and fetch_all(user_id, statements.KEY, {"owner": user_id, "key": key.text}):
        raise KeyReused(key.text)
    parameters = {**_values_of_completion(task_id, completed, accepted, most), **_values_of_key(key, view)}
    row = _change(statements.SET_COMPLETED_ONCE, user_id, parameters)
    return _read_answer(user_id, row[2:], key)


def delete(user_id: str, task_id: str, accepted: list[int] | None) -> None:
    """Remove a task for good. One in some deletions also removes what is left of deletions long ago."""
    forgets = random.randrange(DELETIONS_PER_REMOVAL) == 0  # noqa: S311 -- nothing secret
    statement = statements.DELETE_AND_FORGET if forgets else statements.DELETE
    _change(statement, user_id, {"task_id": task_id, "accepted": accepted, "most": 0})


def count_old_tasks(user_id: str) -> bool:
    """Make the row of a user whose tasks are all older than such rows, so that the list has a tag.

    Return False where the server only reads.
    """
    try:
        fetch_all(user_id, statements.START_COUNTING, {"owner": user_id, "epoch": make_epoch()})
    except WRITE_REFUSED:
        return False
    return True


def make_epoch() -> str:
    """Return a new epoch for the versions of a user."""
    return secrets.token_hex(8)


def make_tag(epoch: str | None, version: int | None, *, has_tasks: bool = False) -> str:
    """Return the tag of a user's lists: it names the newest change."""
    if epoch is None:
        return UNCOUNTED_TAG if has_tasks else EMPTY_TAG
    return f"{epoch}-{version}"


def _values_of_new_task(user_id: str, values: Mapping[str, Any], most: int) -> dict[str, Any]:
    return {
        "owner": user_id,
        "most": most,
        "new_title": values["title"],
        "new_description": values.get("description"),
        "new_completed": values.get("completed", False),
        **{parameter: values.get(name) for name, parameter in SENT_PARAMETERS.items()},
        "new_tags": values.get("tags", []),
        "new_recurrence_from": values.get("recurrence_from", COUNTED_FROM_DUE),
    }


def _values_of_completion(
    task_id: str, completed: bool | None, accepted: list[int] | None, most: int
) -> dict[str, Any]:
    return {"task_id": task_id, "new_completed": completed, "accepted": accepted, "most": most}


def _values_of_key(key: Key, view: str) -> dict[str, Any]:
    return {"key": key.text, "fingerprint": key.fingerprint, "view": view}


def _find(statement: Statement, user_id: str, parameters: Mapping[str, Any]) -> Row:
    """Run a statement about one task and return its row. A text that is no UUID is the id of no task."""
    if UUID.fullmatch(parameters["task_id"]):
        rows = _fetch_once(user_id, statement, {"owner": user_id, **parameters})
        if rows:
            return rows[0]
    raise TaskNotFound(parameters["task_id"])


def _change(
    statement: Statement, user_id: str, parameters: Mapping[str, Any], for_recurring: Statement | None = None
) -> Row:
    """Run a statement that changes one task, and another one if the task recurs.

    Return the row: the version that the task had, what stood against the change, and what became of the task.
    """
    row = _find(statement, user_id, parameters)
    if for_recurring is not None and _is_refused(row) and row[1] == statements.RECURS:
        statement = for_recurring
        row = _find(statement, user_id, parameters)
    if _is_refused(row):
        _require_acceptance(row, parameters)
        count_old_tasks(user_id)
        row = _find(statement, user_id, parameters)
    if _is_refused(row):
        _require_acceptance(row, parameters)
        raise TaskLimitReached(parameters["most"])
    return row


def _is_refused(row: Row) -> bool:
    return all(value is None for value in row[2:])


def _require_acceptance(row: Row, parameters: Mapping[str, Any]) -> None:
    version, conflict = row[:2]
    if parameters["accepted"] is not None and version not in parameters["accepted"]:
        raise PreconditionFailed(version)
    if conflict is not None:
        raise FieldsConflict(conflict)


def _fetch_once(user_id: str, statement: Statement, parameters: Mapping[str, Any]) -> list[Row]:
    """Run a statement, and with a key a second time before it is said that nothing was done.

    It may have waited for another request with the same key, which its snapshot of the database does not show.
    """
    has_key = "key" in parameters
    try:
        rows: list[Row] = fetch_all(user_id, statement, parameters)
    except UNIQUE_VIOLATION:
        return fetch_all(user_id, statement, parameters)
    if has_key and not any(row[-1] for row in rows):
        return fetch_all(user_id, statement, parameters)
    return rows


def _read_answer(user_id: str, row: Row, key: Key) -> tuple[Task, int, bool]:
    """Return task and version of an answer that was kept, and whether it was kept before this request.

    Raises `KeyReused` where it was the answer to another request.
    """
    fingerprint, answer = row
    if fingerprint is not None and bytes(fingerprint) != key.fingerprint:
        raise KeyReused(key.text)
    kept = orjson.loads(answer)
    for name in ("created_at", "updated_at", "completed_at"):
        if kept[name] is not None:
            kept[name] = datetime.fromisoformat(kept[name])
    view = kept["view"]
    row = (*(kept[name] for name in FIELDS[view]), kept["version"])
    return *read_changed_task(user_id, row, view), fingerprint is not None
