"""Tasks as iCalendar (RFC 5545): a VTODO for each."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from icalendar import Calendar, Timezone, Todo, vRecur

from app.tasks.dates import is_day, read_date
from app.tasks.repository import Task
from app.transfer.repository import Export

PRODUCT = "-//Tasks API//Export//EN"
END = b"END:VCALENDAR\r\n"
PRIORITIES = {"high": 1, "medium": 5, "low": 9}
UNTIL = re.compile(r";?UNTIL=(\d{8})(?:T(\d{6})(Z?))?")
DAY_END = "235959"
# What ends a line in some program or other becomes a line of the text; RFC 5545 allows no other control characters.
LINE_BREAKS = re.compile("\r\n|[\n\v\f\r\x1c-\x1e\x85\u2028\u2029]")
CONTROL_CHARACTERS = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f]")


def write_calendar(export: Export) -> Iterator[bytes]:
    """Give a calendar with the time zones of the tasks, and the tasks."""
    calendar = Calendar()
    calendar.add("version", "2.0")
    calendar.add("prodid", PRODUCT)
    yield calendar.to_ical().removesuffix(END)
    for name in export.time_zones:
        yield _write_time_zone(name)
    for tasks in export.read_tasks():
        yield b"".join(_make_todo(task).to_ical() for task in tasks)
    yield END


@lru_cache(maxsize=1024)
def _write_time_zone(name: str) -> bytes:
    """Return the VTIMEZONE to which the TZID of due dates refers; none for a zone that only the database knows."""
    try:
        written: bytes = Timezone.from_tzid(name).to_ical()
    except (ValueError, ZoneInfoNotFoundError):
        return b""
    return written


def _make_todo(task: Task) -> Todo:
    changed = datetime.fromisoformat(task["updated_at"])
    todo = Todo()
    todo.add("uid", task["id"])
    todo.add("dtstamp", changed)
    todo.add("created", datetime.fromisoformat(task["created_at"]))
    todo.add("last-modified", changed)
    todo.add("summary", _clean(task["title"]))
    if task["description"] is not None:
        todo.add("description", _clean(task["description"]))
    todo.add("status", "COMPLETED" if task["completed"] else "NEEDS-ACTION")
    if task["completed_at"] is not None:
        todo.add("completed", datetime.fromisoformat(task["completed_at"]))
    if task["priority"] is not None:
        todo.add("priority", PRIORITIES[task["priority"]])
    if task["tags"]:
        todo.add("categories", [_clean(tag) for tag in task["tags"]])
    if task["due_date"] is not None:
        _add_due_date(todo, task)
    return todo


def _add_due_date(todo: Todo, task: Task) -> None:
    """Add the due date as it is kept: a date, a time on the wall, there or anywhere, or an instant.

    A component with a rule needs a beginning, too, from which the rule counts.
    """
    due, zone = read_date(task["due_date"]), task["time_zone"]
    parameters = {"TZID": zone} if zone else {}
    todo.add("due", due, parameters=parameters)
    if task["recurrence"] is not None:
        todo.add("dtstart", due, parameters=parameters)
        todo.add("rrule", vRecur.from_ical(_adapt_until(task["recurrence"], task["due_date"], zone)))


def _adapt_until(rule: str, due_date: str, zone: str | None) -> str:
    """Return the rule with the kind of UNTIL that goes with the due date (RFC 5545, section 3.3.10)."""
    found = UNTIL.search(rule)
    if found is None:
        return rule
    wall = datetime.strptime(found[1] + (found[2] or DAY_END), "%Y%m%d%H%M%S")
    tz = _find_zone(zone)
    if found[3]:
        wall = wall.replace(tzinfo=UTC).astimezone(tz).replace(tzinfo=None)
    if is_day(due_date):
        until = f"{wall:%Y%m%d}"
    elif zone is None and not due_date.endswith("Z"):
        until = f"{wall:%Y%m%dT%H%M%S}"
    else:
        until = f"{wall.replace(tzinfo=tz).astimezone(UTC):%Y%m%dT%H%M%SZ}"
    rest = rule[: found.start()] + rule[found.end() :]
    return f"{rest.removeprefix(';')};UNTIL={until}"


def _find_zone(name: str | None) -> Any:
    try:
        return ZoneInfo(name) if name else UTC
    except ZoneInfoNotFoundError:
        return UTC


def _clean(text: str) -> str:
    return CONTROL_CHARACTERS.sub("", LINE_BREAKS.sub("\n", text))
