"""Dates and times as the contract has them: a date, a time on the wall, or an instant (RFC 3339)."""

import re
from datetime import UTC, date, datetime, timedelta

DATE = r"\d{4}-\d\d-\d\d"
TIME = r"\d\d:\d\d(?::\d\d(?:\.\d+)?)?"
ZONE = r"(?P<zone>[Zz]|[+-]\d\d:\d\d)"
PATTERN = re.compile(rf"(?P<date>{DATE})(?:[Tt ](?P<time>{TIME}){ZONE}?)?", re.ASCII)


def read_date(text: str) -> date | datetime | None:
    """Return a date, or a time to the second: without a zone for one on the wall, in UTC for an instant.

    None where the text is none of these, or no day of the calendar.
    """
    match = PATTERN.fullmatch(text)
    if match is None:
        return None
    try:
        day = date.fromisoformat(match["date"])
        if match["time"] is None:
            return day
        hours, minutes, seconds = (*match["time"].split(":"), "0")[:3]
        wall = datetime(day.year, day.month, day.day, int(hours), int(minutes), int(seconds.partition(".")[0]))
        return wall if match["zone"] is None else (wall - _offset(match["zone"])).replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def normalize_date(text: str) -> str | None:
    """Return a date or a time as it is kept and sent, or None where it is none."""
    found = read_date(text)
    if found is None:
        return None
    if not isinstance(found, datetime):
        return found.isoformat()
    return found.replace(tzinfo=None).isoformat(timespec="seconds") + ("Z" if found.tzinfo else "")


def is_day(due_date: str) -> bool:
    """Tell whether a due date, as it is kept, is a date without a time."""
    return "T" not in due_date


def read_moment(text: str) -> datetime | None:
    """Return the instant that a date or a time means: midnight in UTC, or the time in UTC where it has no zone."""
    found = read_date(text)
    if found is None or isinstance(found, datetime):
        return found if found is None or found.tzinfo else found.replace(tzinfo=UTC)
    return datetime(found.year, found.month, found.day, tzinfo=UTC)


def _offset(zone: str) -> timedelta:
    """Return how far a zone is before UTC. Raises `ValueError`."""
    if zone in "Zz":
        return timedelta(0)
    hours, minutes = int(zone[1:3]), int(zone[4:])
    if hours > 23 or minutes > 59:  # noqa: PLR2004 -- RFC 3339, section 5.6.
        raise ValueError(zone)
    return timedelta(hours=hours, minutes=minutes) * (-1 if zone[0] == "-" else 1)
