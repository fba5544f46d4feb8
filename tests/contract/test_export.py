"""Taking everything along: one snapshot as JSON, CSV and iCalendar, read by the parsers of others."""

import csv
import io
from datetime import date, datetime
from typing import Any

import pytest
import requests
from icalendar import Calendar

from tests.support.client import Tasks, token_of
from tests.support.promises import promise

pytestmark = pytest.mark.part2

NASTY = [
    "plain",
    'quotes " and, commas; semicolons: colons \\ backslashes',
    "ä€😀 " * 40,
    "two\nlines\r\nand a\ttab",
    "BEGIN:VCALENDAR",
    "=1+1",
    "\n=cmd()",
]
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\uff1d1"]


def export(tasks: Tasks, query: str = "") -> requests.Response:
    answer = tasks.client.request("GET", tasks.path.removesuffix("tasks") + "export" + query)
    assert answer.status_code == 200, answer.text
    return answer


def read_rows(tasks: Tasks) -> list[dict[str, str]]:
    text = export(tasks, "?format=csv").content.decode()
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def read_todos(tasks: Tasks) -> list[Any]:
    (calendar,) = Calendar.from_ical(export(tasks, "?format=ics").content, multiple=True)
    todos = calendar.walk("VTODO")
    assert not any(todo.errors for todo in todos)
    return todos


def create(tasks: Tasks, **fields: Any) -> dict[str, Any]:
    task: dict[str, Any] = tasks.send("POST", "?view=full", {"title": "a", **fields}).json()
    return task


@promise(
    "docs/full-task.md#export-and-erasure", "gives every task of the user in full, oldest first, from one snapshot"
)
def test_the_export_has_every_task_in_full(alice: Tasks, bob: Tasks) -> None:
    bob.create()
    for title in NASTY:
        create(alice, title=title, description=title, priority="low", due_date="2026-03-01", tags=["home"])
    everything = alice.send("GET", "?view=full")
    for query in ("", "?format=json", "?format=JSON", "?format=", "?view=basic"):
        answer = export(alice, query)
        assert answer.json() == {
            "user_id": alice.user_id,
            "count": len(NASTY),
            "token": token_of(everything),
            "tasks": everything.json(),
        }
        assert answer.headers["Content-Type"] == "application/json"


@promise("docs/full-task.md#export-and-erasure", "as a download")
@pytest.mark.parametrize("name", ["json", "csv", "ics"])
def test_the_export_is_a_download(alice: Tasks, name: str) -> None:
    alice.create()
    answer = export(alice, f"?format={name}")
    disposition, _, file = answer.headers["Content-Disposition"].partition("; filename=")
    assert (disposition, file.strip('"').rpartition(".")[2]) == ("attachment", name)
    head = alice.client.request("HEAD", alice.path.removesuffix("tasks") + f"export?format={name}")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Type"] == answer.headers["Content-Type"]


@promise("docs/full-task.md#export-and-erasure", "`X-Total-Count` is the number of tasks")
@pytest.mark.parametrize("name", ["json", "csv", "ics"])
def test_the_number_of_tasks_stands_in_a_header(alice: Tasks, name: str) -> None:
    assert export(alice, f"?format={name}").headers["X-Total-Count"] == "0"
    alice.create()
    assert export(alice, f"?format={name}").headers["X-Total-Count"] == "1"


@promise("docs/full-task.md#export-and-erasure", "is the `since` for [the changes]")
def test_the_token_of_an_export_is_where_the_changes_go_on(alice: Tasks) -> None:
    for _ in range(2):
        token = export(alice).json()["token"]
        task = alice.create()
        assert alice.changes(f"?since={token}").json()["tasks"] == [task]


@promise("docs/full-task.md#export-and-erasure", "UTF-8, as RFC 4180 has it, with a header row.")
def test_a_table_has_a_row_for_each_task(alice: Tasks) -> None:
    assert read_rows(alice) == []
    for title in NASTY[:5]:
        create(alice, title=title, description=title, tags=["home", "garden"], due_date="2026-03-01T09:00:00Z")
    tasks = alice.send("GET", "?view=full").json()
    rows = read_rows(alice)
    assert [row["id"] for row in rows] == [task["id"] for task in tasks]
    assert set(rows[0]) == set(tasks[0])
    for row, task in zip(rows, tasks, strict=True):
        assert (row["title"], row["description"]) == (task["title"], task["description"])
        assert (row["tags"], row["due_date"]) == ("home,garden", task["due_date"])
        assert (row["completed"], row["version"], row["priority"]) == ("false", str(task["version"]), "")
    assert export(alice, "?format=csv").content.count(b"\r\n") >= len(rows) + 1


@promise("docs/full-task.md#export-and-erasure", "A cell that a spreadsheet would run as a formula begins with `'`")
@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_is_run_as_a_formula(alice: Tasks, text: str) -> None:
    create(alice, title=text, description=text, tags=[text])
    (row,) = read_rows(alice)
    for name in ("title", "description", "tags"):
        assert row[name] == "'" + (text if name == "description" else text.strip())


@promise("docs/full-task.md#export-and-erasure", "iCalendar (RFC 5545): one `VTODO` for each task")
def test_a_calendar_has_a_todo_for_each_task(alice: Tasks) -> None:
    assert read_todos(alice) == []
    for title in NASTY:
        create(alice, title=title, description=title, priority="high", tags=["a,b", "c"], due_date="2026-03-01")
    alice.complete(alice.all()[0]["id"])
    todos = read_todos(alice)
    assert [str(todo["uid"]) for todo in todos] == [task["id"] for task in alice.all()]
    assert [str(todo["summary"]) for todo in todos[:3]] == [title.strip() for title in NASTY[:3]]
    assert [str(todo["description"]) for todo in todos[:3]] == NASTY[:3]
    assert [str(todo["status"]) for todo in todos[:2]] == ["COMPLETED", "NEEDS-ACTION"]
    assert todos[0]["due"].dt == date(2026, 3, 1)
    assert (int(todos[0]["priority"]), [str(tag) for tag in todos[0]["categories"].cats]) == (1, ["a,b", "c"])


@promise("docs/full-task.md#export-and-erasure", "one `VTODO` for each task, with its zone and rule")
@pytest.mark.parametrize(
    ("due_date", "time_zone", "due"),
    [
        ("2026-03-01", None, date(2026, 3, 1)),
        ("2026-03-01T09:00:00", None, datetime.fromisoformat("2026-03-01T09:00:00")),
        ("2026-03-01T09:00:00", "America/New_York", datetime.fromisoformat("2026-03-01T09:00:00-05:00")),
        ("2026-03-01T09:00:00Z", None, datetime.fromisoformat("2026-03-01T09:00:00+00:00")),
    ],
)
@pytest.mark.parametrize("until", ["", ";UNTIL=20261231", ";UNTIL=20261231T120000", ";UNTIL=20261231T120000Z"])
def test_a_due_date_stays_what_it_is(alice: Tasks, due_date: str, time_zone: str | None, due: date, until: str) -> None:
    create(alice, due_date=due_date, time_zone=time_zone, recurrence=f"FREQ=WEEKLY{until}")
    (todo,) = read_todos(alice)
    assert todo["due"].dt == due
    assert todo["rrule"]["FREQ"] == ["WEEKLY"]
    if until:  # It is of the same kind (RFC 5545, section 3.3.10).
        (end,) = todo["rrule"]["UNTIL"]
        assert type(end) is type(due)
        assert bool(getattr(end, "tzinfo", None)) == bool(getattr(due, "tzinfo", None))


@promise("docs/full-task.md#export-and-erasure", "Control characters are left out")
def test_lines_of_a_calendar_are_short_and_whole(alice: Tasks) -> None:
    create(alice, title="a\x07b" + "€" * 400)
    content = export(alice, "?format=ics").content
    lines = content.split(b"\r\n")
    assert all(len(line) <= 75 for line in lines)
    assert all(line.decode().isprintable() for line in lines)
    assert str(read_todos(alice)[0]["summary"]) == "ab" + "€" * 400


@promise("docs/api.md#faults", "value is not a valid enumeration member")
def test_an_unknown_format_is_refused(alice: Tasks) -> None:
    answer = alice.client.request("GET", alice.path.removesuffix("tasks") + "export?format=xml")
    (fault,) = answer.json()["detail"]
    assert (answer.status_code, fault["loc"], fault["type"]) == (422, ["query", "format"], "type_error.enum")
    assert fault["msg"] == "value is not a valid enumeration member; permitted: 'json', 'csv', 'ics'"
