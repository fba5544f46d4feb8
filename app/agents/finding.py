"""Which task a model means: by its id, or by words of its title."""

import re
from typing import Any

from app.agents.api import TasksAPI
from app.agents.failures import Refused, SeveralMatch, TaskUnknown

CANDIDATES = 10  # are shown where several match
SCAN = 500  # tasks in one request
ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


async def find_task(api: TasksAPI, reference: str, *, completed: bool | None = None) -> dict[str, Any]:
    """Return the one task that is meant; where words name tasks, look first among those that are `completed` or not.

    What looks like an id is never taken for words: a title can hold the id of another task. Raises `TaskUnknown`,
    `SeveralMatch` or `Refused`.
    """
    if ID.fullmatch(reference.strip()):
        return await api.get(reference.strip().lower())
    words = reference.casefold().split()
    if not words:
        raise Refused("`task` is empty: name the task by its id or by words of its title. Nothing was changed.")
    statuses = ["all"] if completed is None else [_status(completed), _status(not completed)]
    for status in statuses:
        found = await _find_by_title(api, words, status)
        if len(found) > 1:
            raise SeveralMatch(found)
        if found:
            return found[0]
    raise TaskUnknown()


def _status(completed: bool) -> str:
    return "completed" if completed else "pending"


async def _find_by_title(api: TasksAPI, words: list[str], status: str) -> list[dict[str, Any]]:
    """Return the first tasks with all words in their titles. The API looks in descriptions, too, so look again."""
    found: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None and len(found) < CANDIDATES:
        parameters = [("search", " ".join(words)), ("status", status), ("limit", str(SCAN)), ("cursor", cursor)]
        page = await api.list_tasks(parameters)
        found += [task for task in page.tasks if all(word in task["title"].casefold() for word in words)]
        cursor = page.cursor
    return found[:CANDIDATES]
