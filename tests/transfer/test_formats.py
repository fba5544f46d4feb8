"""The formats of an export, without a service: what the examples of the document show, and what is hard to read."""

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest
from icalendar import Calendar

from app.tasks.columns import FIELDS
from app.transfer.formats import CSV, ICS, JSON, Format
from app.transfer.repository import Export
from app.transfer.schemas import CSV_EXAMPLE, EXPORT_EXAMPLE, FULL_EXAMPLE, ICS_EXAMPLE
from app.transfer.time_zones import write_time_zone
from config import FULL


def write(chosen: Format, *tasks: dict[str, Any], token: str = str(EXPORT_EXAMPLE["token"])) -> str:
    """Return an export of these tasks, each of which has the other fields of the example."""

    def rows() -> Iterator[Any]:
        yield from ([tuple((FULL_EXAMPLE | task)[name] for name in FIELDS[FULL])] for task in tasks)

    zones = sorted({task["time_zone"] for task in tasks if task.get("time_zone")})
    export = Export("alice", len(tasks), token, zones, rows())  # type: ignore[arg-type]  # Nothing is to be closed.
    return b"".join(chosen.write(export)).decode()


def read_todo(**fields: Any) -> Any:
    (todo,) = Calendar.from_ical(write(ICS, fields)).walk("VTODO")
    return todo


def test_the_examples_of_the_document_are_one_task_in_each_format() -> None:
    assert json.loads(write(JSON, {})) == EXPORT_EXAMPLE
    assert write(CSV, {}) == CSV_EXAMPLE
    assert write(ICS, {}) == ICS_EXAMPLE


@pytest.mark.parametrize(
    ("rule", "due_date", "zone", "until"),
    [
        ("UNTIL=20270131", "2026-03-01", None, "20270131"),
        ("UNTIL=20270131T083000", "2026-03-01", None, "20270131"),
        ("UNTIL=20270131T233000Z", "2026-03-01", None, "20270131"),
        ("UNTIL=20270131", "2026-03-01T09:00:00", None, "20270131T235959"),
        ("UNTIL=20270131T083000", "2026-03-01T09:00:00", None, "20270131T083000"),
        ("UNTIL=20270131T083000Z", "2026-03-01T09:00:00", None, "20270131T083000"),
        ("UNTIL=20270131", "2026-03-01T09:00:00Z", None, "20270131T235959Z"),
        ("UNTIL=20270131T083000Z", "2026-03-01T09:00:00Z", None, "20270131T083000Z"),
        ("UNTIL=20270131", "2026-03-01T09:00:00", "America/New_York", "20270201T045959Z"),
        ("UNTIL=20270731T083000", "2026-03-01T09:00:00", "Europe/Berlin", "20270731T063000Z"),
        ("UNTIL=20270731T083000Z", "2026-03-01T09:00:00", "Europe/Berlin", "20270731T083000Z"),
        ("UNTIL=99991231", "2026-03-01T09:00:00", "America/New_York", "99991231T235959Z"),
        ("UNTIL=99991231T235959Z", "2026-03-01T09:00:00", "Asia/Tokyo", "99991231T145959Z"),
        ("UNTIL=00010101", "2026-03-01T09:00:00", None, "00010101T235959"),
    ],
)
def test_the_end_of_a_rule_has_the_kind_that_goes_with_its_beginning(
    rule: str, due_date: str, zone: str | None, until: str
) -> None:
    for parts in (f"FREQ=DAILY;{rule}", f"{rule};FREQ=DAILY"):
        text = write(ICS, {"recurrence": parts, "due_date": due_date, "time_zone": zone})
        assert f"\r\nRRULE:FREQ=DAILY;UNTIL={until}\r\n" in text
        todo = read_todo(recurrence=parts, due_date=due_date, time_zone=zone)
        assert todo.start == todo.end


@pytest.mark.parametrize(
    "text",
    [
        "C:\\New folder\\name, or; so:\\",
        "\\" * 400,
        "a" * 66 + "\\n" * 99,
        "".join(chr(ord("a") + n % 26) for n in range(5000)),
        *("ä" * n + "𝄞" * 70 + "\u200d" for n in range(20)),
        '"quoted": ^n ^^ %2C',
        "line\nline",
        " kept ",
        "BEGIN:VTODO\nEND:VTODO",
    ],
)
def test_any_text_is_folded_and_read_as_it_was(text: str) -> None:
    written = write(ICS, {"title": text, "description": text, "tags": [text, "b"]})
    for line in written.encode().split(b"\r\n"):
        assert len(line) <= 75
        assert b"\n" not in line
        line.decode()
    todo = read_todo(title=text, description=text, tags=[text, "b"])
    assert (todo["SUMMARY"], todo["DESCRIPTION"]) == (text, text)
    assert todo["CATEGORIES"].cats == [text, "b"]


def test_control_characters_are_left_out_and_lines_end_in_one_way() -> None:
    text = "a\x01b\x7fc\x9fd\r\ne\rf\x0bg\x85h\u2028i\tj"
    assert read_todo(title=text)["SUMMARY"] == "abcd\ne\nf\ng\nh\ni\tj"


@pytest.mark.parametrize(
    "name",
    [
        *("America/New_York", "Europe/Berlin", "Europe/Dublin", "Africa/Casablanca", "Africa/Monrovia", "Asia/Tokyo"),
        *(
            "Australia/Lord_Howe",
            "America/Sao_Paulo",
            "Asia/Kathmandu",
            "Antarctica/Troll",
            "Etc/GMT+5",
            "UTC",
            "EST5EDT",
        ),
    ],
)
def test_a_time_zone_is_described_as_its_clocks_go(name: str) -> None:
    text = write(ICS, {"time_zone": name})
    assert f"DUE;TZID={name}:20260301T090000" in text.replace("\r\n ", "")
    described: Any
    (described,) = Calendar.from_ical(text).walk("VTIMEZONE")
    assert described["TZID"] == name
    zone, read = ZoneInfo(name), described.to_tz(lookup_tzid=False)
    for hours in range(0, 59 * 365 * 24, 101):
        wall = datetime(2000, 1, 2) + timedelta(hours=hours)
        if wall.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None) == wall:
            assert wall.replace(tzinfo=read).utcoffset() == wall.replace(tzinfo=zone).utcoffset(), wall


def test_the_clocks_are_changed_at_the_time_that_they_show_before() -> None:
    text = write(ICS, {"time_zone": "Europe/Berlin"})
    assert "BEGIN:DAYLIGHT\r\nDTSTART:20000326T020000\r\nRDATE:20010325T020000\r\n" in text
    assert "BEGIN:STANDARD\r\nDTSTART:20001029T030000\r\nRDATE:20011028T030000\r\n" in text


def test_the_description_of_a_time_zone_is_short() -> None:
    for name in sorted(available_timezones())[::20]:
        assert 6 < len(write_time_zone(name)) < 400, name
    assert write_time_zone("No/Where") == []


def test_a_calendar_without_tasks_has_a_component_all_the_same() -> None:
    calendar = Calendar.from_ical(write(ICS))
    assert [component.name for component in calendar.subcomponents] == ["VTIMEZONE"]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1", "\tx", "\rx", "\nx", "\uff1d1", "'=1", "''\t"])
def test_no_cell_is_run_as_a_formula_and_each_can_be_read_back(text: str) -> None:
    (row,) = csv.DictReader(StringIO(write(CSV, {"title": text, "description": text, "tags": [text]}), newline=""))
    for name in ("title", "description", "tags"):
        assert row[name] == f"'{text}"


@pytest.mark.parametrize("text", ["a=1", "'tis", "''", "1-1", 'say "x", y', "a\r\nb", "a;=1", ""])
def test_other_cells_are_as_they_are(text: str) -> None:
    (row,) = csv.DictReader(StringIO(write(CSV, {"title": text, "description": text}), newline=""))
    assert (row["title"], row["description"]) == (text, text)
