"""The next due date, reckoned by the function in the database, against `dateutil`."""

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from dateutil.rrule import rrulestr
from flask import Flask

from app.tasks.recurrence import read_rule
from tests.support.databases import connected

RULES = 3000
# A call takes 3 ms at most, so that many take a tenth of what they may, on a machine under load too.
CALLS, TIMEOUT = 200, "6s"
NEXT = "SELECT next_due_date(%s, %s, %s, %s, %s)"
NAMES = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
STARTS = (
    *(date(2024, 2, 29), date(2023, 12, 31), date(2100, 2, 28), date(2026, 1, 31), date(2028, 2, 29)),
    *(date(2026, 10, 25), date(2026, 3, 29), date(1999, 12, 31), date(2026, 5, 30)),
)

NextDue = Callable[..., str | None]


@pytest.fixture(scope="module")
def next_due(app: Flask) -> Any:
    """The function: a rule, from where it counts, the due date, its zone and the present."""
    with connected(app.config["DATABASE_URL"]) as cursor:

        def find(rule: str, due: str, now: datetime, counted_from: str = "due", zone: str | None = None) -> str | None:
            cursor.execute(NEXT, [rule, counted_from, due, zone, now])
            found: str | None = cursor.fetchone()[0]
            return found

        yield find


def make_rule(chance: random.Random) -> str:
    """Return any rule, not all of which may be used."""
    frequency = chance.choice(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"])
    parts = [f"FREQ={frequency}"]
    if chance.random() < 0.6:
        parts.append(f"INTERVAL={chance.choice([1, 2, 3, 4, 5, 6, 7, 10, 12, 13, 24, 52])}")
    if chance.random() < 0.35:
        parts.append(f"BYMONTH={pick(chance, range(1, 13))}")
    if frequency != "WEEKLY" and chance.random() < 0.4:
        parts.append(f"BYMONTHDAY={pick(chance, [*range(1, 32), *range(-31, 0)])}")
    if chance.random() < 0.5:
        is_numbered = frequency in ("MONTHLY", "YEARLY") and chance.random() < 0.5
        numbers = ("1", "2", "+3", "4", "5", "-1", "-2", "-5") if is_numbered else ("",)
        parts.append(f"BYDAY={pick(chance, [f'{number}{name}' for number in numbers for name in NAMES])}")
    return ";".join(parts)


def pick(chance: random.Random, values: Any) -> str:
    return ",".join(str(value) for value in chance.sample(list(values), chance.choice([1, 1, 2, 3])))


def expected_date(rule: str, start: date, after: date, until: datetime | None = None) -> date | None:
    """Return the first date of the rule after that one, as `dateutil` has it, within 40 years."""
    rules = rrulestr(rule, dtstart=datetime.combine(start, time()))
    end = datetime.combine(after, time()) + timedelta(days=40 * 366)
    for moment in rules.xafter(datetime.combine(after, time())):
        if moment > end or (until is not None and moment > until):
            return None
        return moment.date()
    return None


def test_the_next_date_is_that_of_dateutil(next_due: NextDue) -> None:
    chance, compared = random.Random(5545), 0
    while compared < RULES:
        rule = make_rule(chance)
        # `dateutil` walks to the year 9999 where nothing matches, so dates that are far away are left out.
        if read_rule(rule) != rule or rule.count("BY") > 2:
            continue
        start = chance.choice([*STARTS, date(2000, 1, 1) + timedelta(days=chance.randrange(20000))])
        today = start + timedelta(days=chance.choice([-400, -1, 0, 1, 40, 800]))
        counted_from = chance.choice(["due", "completion"])
        begin = start if counted_from == "due" else today
        now = datetime.combine(today, time(12), UTC)
        found = next_due(rule, start.isoformat(), now, counted_from)
        found_date = date.fromisoformat(found) if found else None
        far = date.max if found_date is None else found_date
        if far > max(begin, today) + timedelta(days=30 * 366):
            continue
        assert found_date == expected_date(rule, begin, max(begin, today)), (rule, start, today, counted_from)
        compared += 1


@pytest.mark.parametrize(
    ("until", "due", "zone", "expected"),
    [
        ("20260302", "2026-03-01", None, "2026-03-02"),
        ("20260301", "2026-03-01", None, None),
        ("20260302T235959", "2026-03-01", None, "2026-03-02"),
        ("20260302T000000Z", "2026-03-01", None, "2026-03-02"),
        ("20260301T235959Z", "2026-03-01", None, None),
        ("20260302", "2026-03-01T09:00:00", None, "2026-03-02T09:00:00"),
        ("20260302T090000", "2026-03-01T09:00:00", None, "2026-03-02T09:00:00"),
        ("20260302T085959", "2026-03-01T09:00:00", None, None),
        ("20260302T090000Z", "2026-03-01T09:00:00Z", None, "2026-03-02T09:00:00Z"),
        ("20260302T085959Z", "2026-03-01T09:00:00Z", None, None),
        ("20260302T080000Z", "2026-03-01T09:00:00", "Europe/Berlin", "2026-03-02T09:00:00"),
        ("20260302T075959Z", "2026-03-01T09:00:00", "Europe/Berlin", None),
        ("20260330T070000Z", "2026-03-29T09:00:00", "Europe/Berlin", "2026-03-30T09:00:00"),
        ("20260330T065959Z", "2026-03-29T09:00:00", "Europe/Berlin", None),
        ("20260302", "2026-03-01T23:59:59", "America/New_York", "2026-03-02T23:59:59"),
    ],
)
def test_the_end_of_a_rule_may_have_any_form(
    next_due: NextDue, until: str, due: str, zone: str | None, expected: str | None
) -> None:
    rule = f"FREQ=DAILY;UNTIL={until}"
    assert read_rule(rule) == rule
    assert next_due(rule, due, datetime(2026, 1, 1, tzinfo=UTC), zone=zone) == expected


@pytest.mark.parametrize(
    ("rule", "due", "expected"),
    [
        ("FREQ=MONTHLY", "2026-01-31", "2026-03-31"),
        ("FREQ=YEARLY", "2024-02-29", "2028-02-29"),
        ("FREQ=YEARLY", "2096-02-29", "2104-02-29"),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", "2028-01-31", "2028-02-29"),
        ("FREQ=MONTHLY;BYDAY=5FR", "2026-01-30", "2026-05-29"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO", "2044-02-29", "2072-02-29"),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR", "2026-03-06", "2026-03-16"),
        ("FREQ=YEARLY;INTERVAL=01;BYMONTH=03;BYDAY=-01SU", "2026-03-29", "2027-03-28"),
        ("FREQ=MONTHLY;BYMONTHDAY=01,-02", "2026-02-01", "2026-02-27"),
        # Far away, and never: these are too slow for the comparison with dateutil.
        ("FREQ=YEARLY;INTERVAL=80;BYMONTH=2;BYMONTHDAY=29;BYDAY=FR", "1952-02-29", "2352-02-29"),
        ("FREQ=YEARLY;INTERVAL=99;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO", "2026-02-10", "3808-02-29"),
        ("FREQ=DAILY;INTERVAL=88;BYMONTHDAY=20;BYDAY=SU", "2096-02-29", "2207-09-20"),
        ("FREQ=WEEKLY;INTERVAL=52;BYMONTH=1", "2026-07-10", "2155-01-31"),
        ("FREQ=MONTHLY;INTERVAL=12;BYMONTHDAY=31", "2026-02-10", None),
        ("FREQ=MONTHLY;INTERVAL=24;BYMONTHDAY=29", "2027-02-10", None),
        ("FREQ=YEARLY;INTERVAL=2;BYMONTH=2;BYMONTHDAY=29", "2027-02-10", None),
        ("FREQ=DAILY;INTERVAL=98;BYMONTHDAY=31;BYDAY=MO", "2026-02-10", None),
        ("FREQ=DAILY", "0001-01-01", "2020-01-02"),
        ("FREQ=DAILY", "9999-12-31", None),
        ("FREQ=WEEKLY", "9999-12-31", None),
        ("FREQ=MONTHLY", "9999-12-31", None),
        ("FREQ=YEARLY", "9999-12-31T23:59:59Z", None),
    ],
)
def test_the_calendar_has_its_peculiarities(next_due: NextDue, rule: str, due: str, expected: str | None) -> None:
    assert read_rule(rule) == rule
    assert next_due(rule, due, datetime(2020, 1, 1, tzinfo=UTC)) == expected


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=MONTHLY;INTERVAL=12;BYMONTHDAY=31",
        "FREQ=MONTHLY;INTERVAL=2;BYMONTH=2,3;BYMONTHDAY=31",
        "FREQ=MONTHLY;INTERVAL=12;BYMONTHDAY=30,31;BYDAY=MO",
        "FREQ=MONTHLY;INTERVAL=6;BYMONTH=3,9",
        "FREQ=YEARLY;INTERVAL=4;BYMONTH=2;BYMONTHDAY=29",
        "FREQ=YEARLY;INTERVAL=99;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO",
        "FREQ=YEARLY;INTERVAL=99;BYMONTH=2;BYDAY=5MO",
        "FREQ=DAILY;INTERVAL=7;BYDAY=MO",
        "FREQ=DAILY;INTERVAL=97;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO",
        "FREQ=DAILY;INTERVAL=98;BYMONTH=2;BYMONTHDAY=29",
        "FREQ=DAILY;INTERVAL=61;BYMONTHDAY=11;BYDAY=SA",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO",
        "FREQ=WEEKLY;INTERVAL=52;BYMONTH=1",
        "FREQ=WEEKLY;INTERVAL=99;BYMONTH=1;BYDAY=SU",
        "FREQ=DAILY;UNTIL=99991231T235959Z",
    ],
)
@pytest.mark.parametrize("due", ["0001-02-10", "2026-02-10", "9990-02-10"])
def test_no_rule_takes_long(app: Flask, rule: str, due: str) -> None:
    assert read_rule(rule) == rule
    now = datetime(2026, 1, 1, tzinfo=UTC)
    with connected(app.config["DATABASE_URL"]) as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, false)", [TIMEOUT])
        # The argument that changes keeps PostgreSQL from calling the function once for all rows.
        cursor.execute(
            "SELECT count(next_due_date(%s, 'due', %s, NULL, %s + call * interval '1 microsecond'))"
            " FROM generate_series(1, %s) AS call",
            [rule, due, now, CALLS],
        )


@pytest.mark.parametrize("session_zone", ["Pacific/Kiritimati", "America/Los_Angeles"])
def test_the_settings_of_a_session_move_no_date(app: Flask, session_zone: str) -> None:
    now = datetime(2026, 3, 1, 11, tzinfo=UTC)
    with connected(app.config["DATABASE_URL"]) as cursor:
        cursor.execute(
            "SELECT set_config('TimeZone', %s, false), set_config('DateStyle', 'SQL, DMY', false)", [session_zone]
        )
        for due, zone, expected in (
            ("2026-02-01", None, "2026-03-02"),
            ("2026-02-01T09:00:00", None, "2026-03-02T09:00:00"),
            ("2026-02-01T09:00:00Z", None, "2026-03-02T09:00:00Z"),
            ("2026-02-01T09:00:00", "Pacific/Kiritimati", "2026-03-03T09:00:00"),
            ("2026-02-01T09:00:00", "Pacific/Pago_Pago", "2026-03-02T09:00:00"),
        ):
            cursor.execute(NEXT, ["FREQ=DAILY;UNTIL=20260401T000000Z", "due", due, zone, now])
            assert cursor.fetchone()[0] == expected
