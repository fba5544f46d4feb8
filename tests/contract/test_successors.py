"""Tasks that recur: what the next one takes over, when it is due, and which completions make one."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.support.client import Tasks
from tests.support.promises import promise

pytestmark = pytest.mark.part2

FAR = "2999-01-31"  # after today, so the next date is counted from it
LONG_AGO = "2020-01-01"


def create(tasks: Tasks, **fields: Any) -> dict[str, Any]:
    return tasks.create_in_full(**{"due_date": FAR, "recurrence": "daily", **fields})


def successors(tasks: Tasks, task: dict[str, Any]) -> list[dict[str, Any]]:
    """Return all tasks but that one."""
    return [other for other in tasks.all_in_full() if other["id"] != task["id"]]


def tomorrow() -> set[str]:
    """Return tomorrow's date, in UTC; both of them around midnight."""
    now = datetime.now(UTC)
    return {str((now + timedelta(days=1, minutes=late)).date()) for late in (-1, 0)}


@promise("docs/full-task.md#recurrence", "with the same title, description, priority, tags, zone and rule")
def test_the_next_task_takes_over_all_but_the_date(alice: Tasks) -> None:
    fields = {"description": "two", "priority": "low", "tags": ["a"], "due_date": f"{FAR}T09:00:00"}
    task = create(alice, **fields, time_zone="Europe/Berlin")
    assert alice.complete(task["id"]).json()["completed"] is True
    (following,) = successors(alice, task)
    made = {name: following[name] for name in ("id", "created_at", "updated_at", "version")}
    assert following == {**task, **made, "due_date": "2999-02-01T09:00:00"}
    assert made["id"] != task["id"]


@promise("docs/full-task.md#recurrence", "Completing a task with a rule creates the next one")
@pytest.mark.parametrize(
    ("method", "where", "body"),
    [
        ("PATCH", "/complete", None),
        ("PATCH", "/complete?view=full", {"completed": True}),
        ("PUT", "", {"completed": True}),
        ("PATCH", "?view=full", {"completed": True, "title": "Buy milk"}),
    ],
)
def test_every_completion_creates_the_next_one(
    alice: Tasks, method: str, where: str, body: dict[str, Any] | None
) -> None:
    task = create(alice)
    assert alice.send(method, f"/{task['id']}{where}", body).json()["completed"] is True
    assert [other["due_date"] for other in successors(alice, task)] == ["2999-02-01"]


@promise("docs/full-task.md#recurrence", "after the later of the due date and today")
def test_what_is_overdue_goes_on_after_today(alice: Tasks) -> None:
    task = create(alice, due_date=LONG_AGO)
    alice.complete(task["id"])
    (following,) = successors(alice, task)
    assert following["due_date"] in tomorrow()


@promise("docs/full-task.md#recurrence", 'with `"recurrence_from": "completion"`, counted from today')
def test_the_next_date_may_be_counted_from_today(alice: Tasks) -> None:
    task = create(alice, recurrence_from="completion")
    alice.complete(task["id"])
    (following,) = successors(alice, task)
    assert following["due_date"] in tomorrow()
    assert following["recurrence_from"] == "completion"


@promise("docs/full-task.md#recurrence", "a month without that day is left out, as RFC 5545 has it")
@pytest.mark.parametrize(
    ("rule", "due", "expected"),
    [
        ("monthly", "2999-01-31", "2999-03-31"),
        ("yearly", "2996-02-29", "3004-02-29"),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", "2999-01-31", "2999-02-28"),
        ("weekdays", "2999-02-01", "2999-02-04"),
        ("FREQ=WEEKLY;INTERVAL=2", "2999-01-31", "2999-02-14"),
    ],
)
def test_dates_are_those_of_the_calendar(alice: Tasks, rule: str, due: str, expected: str) -> None:
    task = create(alice, recurrence=rule, due_date=due)
    alice.complete(task["id"])
    (following,) = successors(alice, task)
    assert date.fromisoformat(following["due_date"]) == date.fromisoformat(expected)


@promise("docs/full-task.md#recurrence", "After `UNTIL` there is none.")
@pytest.mark.parametrize(("until", "number"), [("29990131", 0), ("29990201", 1), ("20200101", 0)])
def test_after_the_end_there_is_none(alice: Tasks, until: str, number: int) -> None:
    task = create(alice, recurrence=f"FREQ=DAILY;UNTIL={until}")
    assert alice.complete(task["id"]).status_code == 200
    assert len(successors(alice, task)) == number


@promise("docs/full-task.md#recurrence", "The rule that counts is the one after the change.")
def test_the_rule_after_the_change_counts(alice: Tasks) -> None:
    task, other = create(alice), create(alice, recurrence=None)
    alice.send("PUT", f"/{task['id']}?view=full", {"completed": True, "recurrence": None})
    assert len(alice.all()) == 2
    alice.send("PUT", f"/{other['id']}?view=full", {"completed": True, "recurrence": "weekly"})
    assert [found["due_date"] for found in successors(alice, other)][1:] == ["2999-02-07"]


@promise("docs/full-task.md#recurrence", "However many requests race or repeat, one occurrence has one successor.")
def test_reopening_and_completing_again_makes_no_other(alice: Tasks) -> None:
    task = create(alice)
    for completed in (True, True, False, True):
        alice.complete(task["id"], json={"completed": completed})
    (following,) = successors(alice, task)
    alice.complete(following["id"])
    assert sorted(found["due_date"] for found in successors(alice, task)) == ["2999-02-01", "2999-02-02"]
    alice.send("PUT", f"/{task['id']}?view=full", {"completed": False, "due_date": "2999-03-01"})
    alice.complete(task["id"])
    assert "2999-03-02" in [found["due_date"] for found in successors(alice, task)]


@promise("docs/full-task.md#the-full-task", "completing it again keeps it, reopening clears it")
def test_the_next_task_is_not_completed(alice: Tasks) -> None:
    task = create(alice)
    done = alice.send("PATCH", f"/{task['id']}/complete?view=full").json()
    (following,) = successors(alice, task)
    assert done["completed_at"] == done["updated_at"]
    assert (following["completed"], following["completed_at"]) == (False, None)
