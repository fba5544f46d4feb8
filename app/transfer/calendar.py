"""Tasks as iCalendar (RFC 5545): a VTODO for each."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo

from app.tasks.dates import is_day
from app.tasks.rows import Task
from app.transfer.repository import Export
from app.transfer.time_zones import find_zone, write_time_zone

HEAD = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Tasks API//Export//EN"]
LINE_MAX = 75  # octets
LINE_END = b"\r\n"
SECONDS_END = 19  # characters of a time before the fractions of a second
PRIORITIES = {"high": 1, "medium": 5, "low": 9}
UNTIL = re.compile(r";?UNTIL=(\d{8})(?:T(\d{6})(Z?))?")
UTC_NAME = "UTC"
DAY_END = "235959"
# What ends a line in some program or other becomes a line of the text; RFC 5545 allows no other control characters.
LINE_BREAKS = re.compile("\r\n|[\n\v\f\r\x1c-\x1e\x85\u2028\u2029]")
ESCAPED = re.compile(r"[\\;,]")
CONTROL_CHARACTERS = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f]")


def write_calendar(export: Export) -> Iterator[bytes]:
    """Give a calendar with the time zones of the tasks, and a VTODO for each task."""
    yield _write_lines(HEAD)
    # A calendar must have a component (section 3.6), and without tasks it would have none.
    for name in export.time_zones if export.count else [UTC_NAME]:
        yield _write_lines(write_time_zone(name))
    for tasks in export.read_tasks():
        yield b"".join(_write_lines(_describe(task)) for task in tasks)
    yield _write_lines(["END:VCALENDAR"])


def _describe(task: Task) -> list[str]:
    r"""Return the lines of a VTODO.

    The package icalendar takes ten times as long, so that 10,000 tasks would keep the process busy for many seconds. It
    also takes the letters `\N` in a text for the end of a line.
    """
    changed = _write_instant(task["updated_at"])
    lines = [
        "BEGIN:VTODO",
        f"UID:{task['id']}",
        f"DTSTAMP:{changed}",
        f"CREATED:{_write_instant(task['created_at'])}",
        f"LAST-MODIFIED:{changed}",
        f"SUMMARY:{_escape(task['title'])}",
        f"STATUS:{'COMPLETED' if task['completed'] else 'NEEDS-ACTION'}",
    ]
    if task["description"] is not None:
        lines.append(f"DESCRIPTION:{_escape(task['description'])}")
    if task["completed_at"] is not None:
        lines.append(f"COMPLETED:{_write_instant(task['completed_at'])}")
    if task["priority"] is not None:
        lines.append(f"PRIORITY:{PRIORITIES[task['priority']]}")
    if task["tags"]:
        lines.append(f"CATEGORIES:{','.join(map(_escape, task['tags']))}")
    if task["due_date"] is not None:
        lines += _write_due_date(task["due_date"], task["time_zone"], task["recurrence"])
    return [*lines, "END:VTODO"]


def _write_lines(lines: list[str]) -> bytes:
    return b"".join(map(_fold, lines))


def _write_due_date(due_date: str, zone: str | None, rule: str | None) -> list[str]:
    """Return the due date as it is kept: a date, a time on the wall, there or anywhere, or an instant.

    A component with a rule needs a beginning, too, from which the rule counts. RFC 5545 wants it before the due date,
    but then readers would reckon other dates by the rule. So both are the same here, as in other programs.
    """
    parameters = ";VALUE=DATE" if is_day(due_date) else f";TZID={zone}" if zone else ""
    due = f"{parameters}:{_write_time(due_date)}"
    if rule is None:
        return [f"DUE{due}"]
    return [f"DTSTART{due}", f"DUE{due}", f"RRULE:{_adapt_until(rule, due_date, zone)}"]


def _write_instant(time: str) -> str:
    """Return a time in UTC, without the fractions of a second that JSON has."""
    return f"{_write_time(time[:SECONDS_END])}Z"


def _write_time(time: str) -> str:
    return time.replace("-", "").replace(":", "")


def _escape(text: str) -> str:
    """Return a text as a value (section 3.3.11)."""
    return ESCAPED.sub(r"\\\g<0>", CONTROL_CHARACTERS.sub("", LINE_BREAKS.sub("\n", text))).replace("\n", r"\n")


def _fold(line: str) -> bytes:
    """Return a line with its end, in pieces of at most 75 octets (section 3.1).

    No piece ends within a character. None ends within an escape either, which some readers would not understand.
    """
    octets = line.encode()
    if len(octets) <= LINE_MAX:
        return octets + LINE_END
    pieces, start, room = [], 0, LINE_MAX
    while start + room < len(octets):
        end = start + room
        while octets[end] & 0xC0 == 0x80:  # noqa: PLR2004 -- a further octet of a character in UTF-8.
            end -= 1
        backslashes = end - start - len(octets[start:end].rstrip(b"\\"))
        end -= backslashes % 2
        pieces.append(octets[start:end])
        start, room = end, LINE_MAX - 1  # A further piece begins with a space.
    return (LINE_END + b" ").join([*pieces, octets[start:]]) + LINE_END


def _adapt_until(rule: str, due_date: str, zone: str | None) -> str:
    """Return the rule with the kind of UNTIL that goes with the due date (RFC 5545, section 3.3.10)."""
    found = UNTIL.search(rule)
    if found is None:
        return rule
    there = find_zone(zone) or UTC
    wall = datetime.strptime(found[1] + (found[2] or DAY_END), "%Y%m%d%H%M%S")
    if found[3]:
        wall = _move(wall, UTC, there)
    if is_day(due_date):
        until = wall.date().isoformat()
    elif zone is None and not due_date.endswith("Z"):
        until = wall.isoformat()
    else:
        until = f"{_move(wall, there, UTC).isoformat()}Z"
    rest = rule[: found.start()] + rule[found.end() :]
    return f"{rest.removeprefix(';')};UNTIL={_write_time(until)}"


def _move(wall: datetime, here: tzinfo, there: tzinfo) -> datetime:
    """Return what a clock shows there while one here shows this; the same where the calendar begins or ends."""
    try:
        return wall.replace(tzinfo=here).astimezone(there).replace(tzinfo=None)
    except OverflowError:
        return wall
