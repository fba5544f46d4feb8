"""All tasks of a user as a download, read by other people's parsers."""

import csv
import json
import re
import threading
from datetime import UTC, date, datetime
from io import StringIO
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from icalendar import Calendar

from tests.support.client import FIELDS, Client, Tasks, token_of
from tests.support.promises import promise

pytestmark = pytest.mark.part2

NASTY = [
    *('=HYPERLINK("http://x","y")', "+1", "-1", "@SUM(A1)", "'=1", "'tis", 'say "x", y; z\\', "C:\\New\\name", "a\nb"),
    *("<b>&amp;", "☃𝄞👩‍👩‍👧 " * 30, "\u202eright to left", "BEGIN:VTODO\nEND:VCALENDAR", "%2C^n", "null", "{}", "\\N"),
]
FIELDS_OF_A_FULL_TASK: dict[str, Any] = {
    "title": "Water, the plants; all",
    "description": "=1+1",
    "completed": True,
    "priority": "high",
    "due_date": "2026-03-01T09:00:00",
    "time_zone": "Europe/Berlin",
    "tags": ["home, garden", "b;c"],
    "recurrence": "FREQ=WEEKLY;BYDAY=MO,SU;UNTIL=20271231",
    "recurrence_from": "completion",
}


def read_csv(alice: Tasks) -> list[dict[str, str]]:
    answer = alice.export("csv")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    return list(csv.DictReader(StringIO(answer.content.decode(), newline=""), strict=True))


def read_calendar(alice: Tasks) -> tuple[Any, list[Any]]:
    answer = alice.export("ics")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/calendar; charset=utf-8")
    assert all(len(line) <= 75 and b"\n" not in line for line in answer.content.split(b"\r\n"))
    calendar = Calendar.from_ical(answer.content)
    return calendar, calendar.walk("VTODO")


@promise("docs/export-and-erasure.md#export", "returns every task of the user with all fields")
@pytest.mark.parametrize("wanted", ["", "json", "JSON"])
def test_an_export_has_every_task_in_full(alice: Tasks, wanted: str) -> None:
    tasks = [alice.create_in_full(**FIELDS_OF_A_FULL_TASK), alice.create_in_full(), alice.create_in_full()]
    gone = alice.create_in_full()
    alice.delete(gone["id"])
    answer = alice.export(wanted)
    assert answer.status_code == 200
    assert answer.json() == {
        "user_id": alice.user_id,
        "count": 3,
        "token": token_of(alice.list_tasks()),
        "tasks": tasks,
    }
    assert (answer.headers["Content-Type"], answer.headers["X-Total-Count"]) == ("application/json", "3")
    assert answer.headers["Cache-Control"] == "no-store"


@promise("docs/export-and-erasure.md#export", "oldest first, as a download")
@pytest.mark.parametrize("wanted", ["json", "csv", "ics"])
def test_an_export_is_a_download(alice: Tasks, wanted: str) -> None:
    alice.create_in_full()
    answer = alice.export(wanted)
    assert re.fullmatch(rf'attachment; filename="[\w-]+\.{wanted}"', answer.headers["Content-Disposition"])
    head = alice.export(wanted, "HEAD")
    assert (head.status_code, head.content) == (200, b"")
    for name in ("Content-Type", "Content-Disposition", "X-Total-Count"):
        assert head.headers[name] == answer.headers[name]
    assert alice.export(wanted, headers={"Accept-Encoding": "identity"}).content == answer.content


@promise("docs/export-and-erasure.md#export", "`Content-Length` tells the length")
@pytest.mark.parametrize("wanted", ["json", "csv", "ics"])
def test_an_export_tells_its_length(alice: Tasks, wanted: str) -> None:
    alice.create_in_full()
    answer = alice.export(wanted, headers={"Accept-Encoding": "identity"})
    assert int(answer.headers["Content-Length"]) == len(answer.content)


@promise("docs/export-and-erasure.md#export", "`csv` or `ics` (`json` unless sent)")
def test_another_format_is_refused(alice: Tasks) -> None:
    answer = alice.export("xml")
    assert (answer.status_code, answer.json()) == (
        422,
        {
            "detail": [
                {
                    "loc": ["query", "format"],
                    "msg": "value is not a valid enumeration member; permitted: 'json', 'csv', 'ics'",
                    "type": "type_error.enum",
                }
            ]
        },
    )
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert alice.export(method=method).status_code == 405


@promise("docs/export-and-erasure.md#export", "returns every task of the user with all fields")
def test_an_export_of_nothing_can_be_read(alice: Tasks) -> None:
    token = token_of(alice.list_tasks())
    assert alice.export().json() == {"user_id": alice.user_id, "count": 0, "token": token, "tasks": []}
    assert read_csv(alice) == []
    _, todos = read_calendar(alice)
    assert todos == []


@promise("docs/export-and-erasure.md#export", "`token` is a token for [changes]")
def test_changes_go_on_after_an_export(alice: Tasks) -> None:
    alice.create_in_full()
    token = alice.export().json()["token"]
    assert alice.changes(f"?since={token}").json() == {"tasks": [], "deleted": [], "token": token, "has_more": False}
    later = alice.create("Later")
    assert alice.changes(f"?since={token}").json()["tasks"] == [later]


@promise("docs/api.md#ownership", "Every request is about the tasks of the one user in its path.")
def test_an_export_has_no_task_of_another_user(alice: Tasks, bob: Tasks) -> None:
    bob.create()
    task = alice.create_in_full()
    assert alice.export().json()["tasks"] == [task]


@promise("docs/export-and-erasure.md#csv", "An empty cell is `null`, or an empty text.")
def test_a_csv_has_the_fields_in_its_first_row(alice: Tasks) -> None:
    task = alice.create_in_full(**FIELDS_OF_A_FULL_TASK)
    empty = alice.create_in_full()
    first, second = read_csv(alice)
    assert set(first) == set(task) > FIELDS
    assert first == {
        **{name: str(value) for name, value in task.items()},
        "completed": "true",
        "description": "'=1+1",
        "tags": "home, garden,b;c",
    }
    assert second == {name: "" if value is None else str(value) for name, value in empty.items()} | {
        "completed": "false",
        "tags": "",
    }


@promise("docs/export-and-erasure.md#csv", "A spreadsheet would run a text as a formula")
@pytest.mark.parametrize("text", NASTY)
def test_any_text_comes_back_from_each_format(alice: Tasks, text: str) -> None:
    task = alice.create_in_full(title=text, description=text, tags=[text[:50]])
    assert alice.export().json()["tasks"] == [task]
    (row,) = read_csv(alice)
    for name in ("title", "description"):
        assert row[name] in (task[name], f"'{task[name]}")
        assert not re.match(r"\s*[=+\-@]|[\t\r]", row[name])
    _, (todo,) = read_calendar(alice)
    assert (todo["SUMMARY"], todo["DESCRIPTION"], todo["CATEGORIES"].cats) == (task["title"], text, task["tags"])


@promise("docs/export-and-erasure.md#icalendar", "`UID`")
def test_a_task_becomes_a_todo(alice: Tasks) -> None:
    task = alice.create_in_full(**FIELDS_OF_A_FULL_TASK)
    calendar, (todo,) = read_calendar(alice)
    assert (calendar["VERSION"], todo["UID"], todo["SUMMARY"]) == ("2.0", task["id"], task["title"])
    assert (todo["DESCRIPTION"], todo["STATUS"], todo["PRIORITY"]) == ("=1+1", "COMPLETED", 1)
    assert todo["CATEGORIES"].cats == FIELDS_OF_A_FULL_TASK["tags"]
    for name, field in (
        ("CREATED", "created_at"),
        ("LAST-MODIFIED", "updated_at"),
        ("DTSTAMP", "updated_at"),
        ("COMPLETED", "completed_at"),
    ):
        assert todo[name].dt == datetime.fromisoformat(task[field]).replace(microsecond=0)
    due = datetime(2026, 3, 1, 9, tzinfo=ZoneInfo("Europe/Berlin"))
    assert (todo["DUE"].dt, todo["DTSTART"].dt, todo["DUE"].params["TZID"]) == (due, due, "Europe/Berlin")
    assert dict(todo["RRULE"]) == {
        "FREQ": ["WEEKLY"],
        "BYDAY": ["MO", "SU"],
        "UNTIL": [datetime(2027, 12, 31, 22, 59, 59, tzinfo=UTC)],
    }
    assert [zone["TZID"] for zone in calendar.walk("VTIMEZONE")] == ["Europe/Berlin"]


@promise("docs/export-and-erasure.md#icalendar", "a date, a time with the zone in `TZID`")
@pytest.mark.parametrize(
    ("sent", "due"),
    [
        ("2026-03-01", date(2026, 3, 1)),
        ("2026-03-01T09:00:00", datetime(2026, 3, 1, 9)),
        ("2026-03-01T09:00:00Z", datetime(2026, 3, 1, 9, tzinfo=UTC)),
        ("0001-01-01", date(1, 1, 1)),
        ("9999-12-31T23:59:59Z", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_a_due_date_stays_what_it_is(alice: Tasks, sent: str, due: date) -> None:
    alice.create_in_full(due_date=sent)
    _, (todo,) = read_calendar(alice)
    assert (type(todo["DUE"].dt), todo["DUE"].dt) == (type(due), due)
    assert "DTSTART" not in todo


@promise("docs/export-and-erasure.md#export", "All of them are from one moment, whoever writes meanwhile.")
def test_an_export_is_from_one_moment(alice: Tasks) -> None:
    """Each change is made to all tasks in their order, so that the versions of one moment fall at most once."""
    tasks = [alice.create(str(n)) for n in range(250)]
    is_over = threading.Event()

    def write() -> None:
        mine = alice.apart()
        while not is_over.is_set():
            for task in tasks[:: len(tasks) // 5]:
                mine.put(task["id"], {"title": "Changed"})

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(8):
            export = alice.export().json()
            number = int(export["token"].rpartition("-")[2])
            assert max(task["version"] for task in export["tasks"]) == number
            assert export["count"] == len(export["tasks"]) == len(tasks)
    finally:
        is_over.set()
        writer.join()


@promise("docs/authentication.md#answers", "there is no bearer token")
def test_an_export_is_locked(locked: Client, secret: str) -> None:
    alice = locked.of("alice-of-the-export")
    assert alice.export().status_code == 401
    assert Client(locked.url, secret).of("alice-of-the-export").export().status_code == 200


@promise("docs/export-and-erasure.md#export", "one object: `user_id`, `count`, `token` and `tasks`")
def test_a_user_with_a_strange_name_gets_a_file_all_the_same(client: Client) -> None:
    name = 'é";\\.. x' + "𝄞" * 100
    answer = client.of(name).export()
    assert json.loads(answer.content)["user_id"] == name
    assert re.fullmatch(r'attachment; filename="[\w-]+\.json"', answer.headers["Content-Disposition"], re.ASCII)
