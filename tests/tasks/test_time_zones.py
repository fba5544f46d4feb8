"""The time zones of the database, beside those of Python."""

from datetime import UTC, datetime
from uuid import uuid4
from zoneinfo import ZoneInfo, available_timezones

import pytest
from flask import Flask

from app.tasks.time_zones import find_time_zone
from tests.support.databases import connected
from tests.support.service import running

NO_ZONES = {"Factory", "localtime"}  # entries of the directory that name no place


def test_every_zone_of_python_is_known_and_no_other(app: Flask) -> None:
    names = available_timezones() - NO_ZONES
    with app.app_context():
        assert {name for name in names if find_time_zone(name) != name} == set()
        for name in (*NO_ZONES, "", "posix/Europe/Berlin", "right/UTC", "europe/berlin", "+02:00", "CEST", "Mars/Base"):
            assert find_time_zone(name) is None
    with connected(app.config["DATABASE_URL"]) as cursor:
        cursor.execute("SELECT name FROM pg_timezone_names")
        known = {name for (name,) in cursor.fetchall()}
    with app.app_context():
        assert {name for name in known if find_time_zone(name)} <= names


def test_both_know_the_same_clocks(app: Flask) -> None:
    """Of a year that no government will change any more, and whatever the session has for abbreviations."""
    with connected(app.config["DATABASE_URL"]) as cursor:
        cursor.execute("SET TimeZone TO 'Europe/Moscow'")
        for month in (1, 4, 7, 10):
            moment = datetime(2020, month, 1, 12, tzinfo=UTC)
            cursor.execute("SELECT name, timezone(place_of(name), %s) FROM pg_timezone_names", [moment])
            walls = dict(cursor.fetchall())
            for name in available_timezones() - NO_ZONES:
                assert walls[name] == moment.astimezone(ZoneInfo(name)).replace(tzinfo=None), name


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/Los_Angeles"])
def test_the_zone_of_a_server_moves_no_due_date(
    app: Flask, tmp_path_factory: pytest.TempPathFactory, zone: str
) -> None:
    """Neither that of the machine nor that of the sessions."""
    settings = {"DATABASE_URL": app.config["DATABASE_URL"], "TZ": zone, "PGTZ": zone, "PGDATESTYLE": "SQL, DMY"}
    with running(tmp_path_factory.mktemp("zone") / "log", DEFAULT_VIEW="full", **settings) as client:
        tasks = client.of(f"alice-{uuid4()}")
        sent = ["2999-01-31", "2999-01-31T23:30:00", "2999-01-31T00:30:00Z", "2999-07-31T23:30:00"]
        for due_date in sent:
            tasks.create(due_date=due_date, recurrence="daily", time_zone="Europe/Berlin" if "07" in due_date else None)
        assert [task["due_date"] for task in tasks.all()] == sent
        for task in tasks.all():
            tasks.complete(task["id"])
        assert [task["due_date"] for task in tasks.all()[4:]] == [
            *("2999-02-01", "2999-02-01T23:30:00", "2999-02-01T00:30:00Z", "2999-08-01T23:30:00")
        ]
        early = client.get(f"{tasks.path}?due_before=2999-01-31&sort_by=due_date").json()
        assert early == []
        found = client.get(f"{tasks.path}?due_after=2999-01-31&due_before=2999-01-31T00:30:01Z").json()
        assert [task["due_date"] for task in found] == ["2999-01-31", "2999-01-31T00:30:00Z"]
        instant = tasks.create(due_date="2999-07-31T23:30:00Z", time_zone="Europe/Berlin")
        assert instant["due_date"] == "2999-08-01T01:30:00"
        for name in ("CET", "MET"):  # names of zones, and abbreviations without daylight saving time
            assert tasks.create(due_date="2999-07-31T23:30:00Z", time_zone=name)["due_date"] == "2999-08-01T01:30:00"
        # At the ends of the calendar, the time on the wall stays within the years that a due date can have.
        for due_date in ("9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"):
            for name in ("Pacific/Kiritimati", "America/Los_Angeles"):
                assert len(tasks.create(due_date=due_date, time_zone=name)["due_date"]) == len("2999-08-01T01:30:00")
        assert len(client.get(f"{tasks.path}?sort_by=due_date").json()) == len(tasks.all())
