"""Time zones as iCalendar (RFC 5545, section 3.6.5): when the clocks of a zone change, and how."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

FIRST, LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2060, 1, 1, tzinfo=UTC)
STEP = timedelta(days=7)  # No zone changes its clock twice in so short a time.
SECOND = timedelta(seconds=1)


class Clock(NamedTuple):
    """How the clocks of a zone go for a while."""

    offset: timedelta
    is_daylight: bool
    name: str


def find_zone(name: str | None) -> tzinfo | None:
    """Return a zone, UTC where there is no name, or None for one that only the database knows."""
    try:
        return ZoneInfo(name) if name else UTC
    except (ValueError, ZoneInfoNotFoundError):
        return None


@lru_cache(maxsize=1024)
def write_time_zone(name: str) -> list[str]:
    """Return the lines of the VTIMEZONE to which a TZID refers; none for a zone that only the database knows."""
    zone = find_zone(name)
    if zone is None:
        return []
    first = _read_clock(FIRST, zone)
    onsets = defaultdict(list, {(first, first): [FIRST]})
    for moment, before, after in _find_changes(zone):
        onsets[before, after].append(moment)
    lines = [line for (before, after), moments in onsets.items() for line in _write_clock(before, after, moments)]
    return ["BEGIN:VTIMEZONE", f"TZID:{name}", *lines, "END:VTIMEZONE"]


def _find_changes(zone: tzinfo) -> Iterator[tuple[datetime, Clock, Clock]]:
    """Give each moment when the clocks change, with how they go before and after it."""
    moment, clock = FIRST, _read_clock(FIRST, zone)
    while moment < LAST:
        end = moment + STEP
        if (after := _read_clock(end, zone)) != clock:
            low, high = moment, end
            while high - low > SECOND:
                middle = low + (high - low) // 2
                low, high = (middle, high) if _read_clock(middle, zone) == clock else (low, middle)
            yield high.replace(microsecond=0), clock, after
            clock = after
        moment = end


def _read_clock(moment: datetime, zone: tzinfo) -> Clock:
    local = moment.astimezone(zone)
    return Clock(local.utcoffset() or timedelta(), bool(local.dst()), local.tzname() or "")


def _write_clock(before: Clock, after: Clock, moments: list[datetime]) -> Iterator[str]:
    """Give the lines for one kind of change. Its times are those of the clocks that are about to change.

    Each of them has a line of its own: of a list, the library ical.js reads the first one only.
    """
    kind = "DAYLIGHT" if after.is_daylight else "STANDARD"
    first, *others = [f"{moment + before.offset:%Y%m%dT%H%M%S}" for moment in moments]
    yield f"BEGIN:{kind}"
    yield f"DTSTART:{first}"
    yield from (f"RDATE:{time}" for time in others)
    yield f"TZNAME:{after.name}"
    yield f"TZOFFSETFROM:{_write_offset(before.offset)}"
    yield f"TZOFFSETTO:{_write_offset(after.offset)}"
    yield f"END:{kind}"


def _write_offset(offset: timedelta) -> str:
    minutes, seconds = divmod(int(abs(offset).total_seconds()), 60)
    sign = "-" if offset < timedelta() else "+"
    return f"{sign}{minutes // 60:02}{minutes % 60:02}" + (f"{seconds:02}" if seconds else "")
