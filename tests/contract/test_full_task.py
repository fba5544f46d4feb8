"""The full view of a task: more fields, and tasks that recur."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from tests.support.client import FIELDS, Tasks
from tests.support.promises import promise

pytestmark = pytest.mark.part2

FAR = "2999-01-31"  # after today, so the next date is counted from it


def create(tasks: Tasks, **fields: Any) -> requests.Response:
    return tasks.client.request("POST", f"{tasks.path}?view=full", json={"title": "Buy milk", **fields})


@promise("docs/full-task.md#the-full-task", "A client asks for it with `?view=full` on any request that carries tasks")
def test_a_task_has_all_fields_in_the_full_view_only(alice: Tasks) -> None:
    task = create(alice).json()
    assert {name: task[name] for name in task if name not in FIELDS} == {
        "priority": None,
        "due_date": None,
        "time_zone": None,
        "tags": [],
        "recurrence": None,
        "recurrence_from": "due",
        "completed_at": None,
        "version": 1,
    }
    assert set(alice.get(task["id"]).json()) == FIELDS
    assert [set(each) for each in alice.all()] == [FIELDS]


@promise(
    "docs/full-task.md#the-full-task",
    "In the basic view, these fields are ignored in a body and absent in an answer.",
)
def test_the_basic_view_never_sets_what_it_does_not_show(alice: Tasks) -> None:
    task = alice.create(priority=5, tags="no list", due_date="never")
    alice.put_in_full(task["id"], priority="low", due_date=FAR)
    alice.put(task["id"], {"title": "b", "priority": "high", "due_date": None})
    (full,) = alice.all_in_full()
    assert (full["title"], full["priority"], full["due_date"], full["tags"]) == ("b", "low", FAR, [])


@promise("docs/full-task.md#due-dates", "a time on the wall, in `time_zone` where there is one")
@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({"due_date": "2026-03-01"}, {"due_date": "2026-03-01"}),
        ({"due_date": "2026-03-01T09:00"}, {"due_date": "2026-03-01T09:00:00"}),
        ({"due_date": "2026-03-01T09:00:00.7"}, {"due_date": "2026-03-01T09:00:00"}),
        ({"due_date": "2026-03-01T09:00+02:00"}, {"due_date": "2026-03-01T07:00:00Z"}),
        (
            {"due_date": "2026-03-01T09:00Z", "time_zone": "Europe/Berlin"},
            {"due_date": "2026-03-01T10:00:00", "time_zone": "Europe/Berlin"},
        ),
        ({"due_date": ""}, {"due_date": None}),
        ({"priority": "HIGH"}, {"priority": "high"}),
        ({"tags": [" a ", "b", "a"]}, {"tags": ["a", "b"]}),
        ({"recurrence": "weekdays", "due_date": FAR}, {"recurrence": "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"}),
        ({"recurrence": "RRULE:freq=daily", "due_date": FAR}, {"recurrence": "FREQ=DAILY"}),
        ({"recurrence_from": "Completion"}, {"recurrence_from": "completion"}),
    ],
)
def test_what_is_sent_is_kept_in_one_form(alice: Tasks, sent: dict[str, Any], kept: dict[str, Any]) -> None:
    task = create(alice, **sent).json()
    assert {name: task[name] for name in kept} == kept


@promise(
    "docs/full-task.md#the-full-task",
    "Taking the due date from a task with a rule or a zone is 422 with `value_error.conflict`, and changes nothing.",
)
def test_what_a_rule_needs_is_not_taken_from_it(alice: Tasks) -> None:
    task = create(alice, recurrence="daily", due_date=f"{FAR}T09:00", time_zone="Europe/Berlin").json()
    for body in ({"due_date": None}, {"due_date": None, "time_zone": None}, {"due_date": FAR}):
        answer = alice.put_in_full(task["id"], **body)
        assert answer.status_code == 422
        assert answer.json()["detail"][0]["type"] == "value_error.conflict"
    assert alice.all_in_full() == [task]
    assert alice.put_in_full(task["id"], due_date=None, time_zone=None, recurrence=None).status_code == 200


@promise(
    "docs/full-task.md#the-full-task",
    "when the task was last completed; completing it again keeps it, reopening clears it",
)
def test_when_it_was_completed_is_kept_until_it_is_reopened(alice: Tasks) -> None:
    task_id = alice.create()["id"]
    alice.complete(task_id)
    (first,) = alice.all_in_full()
    assert first["completed_at"] == first["updated_at"]
    alice.put(task_id, {"completed": True})
    assert alice.all_in_full()[0]["completed_at"] == first["completed_at"]
    alice.complete(task_id)
    assert alice.all_in_full()[0]["completed_at"] is None


@promise(
    "docs/full-task.md#recurrence",
    "Completing a task with a rule creates the next one in the same transaction, with the same title, description, "
    "priority, tags, zone and rule.",
)
@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"recurrence": "daily"}, "2999-02-01"),
        ({"recurrence": "monthly"}, "2999-03-31"),
        ({"recurrence": "FREQ=MONTHLY;BYDAY=-1FR"}, "2999-02-22"),
        ({"recurrence": "FREQ=DAILY;UNTIL=29990131"}, None),
        ({"recurrence": "daily", "due_date": f"{FAR}T02:30:00", "time_zone": "Europe/Berlin"}, "2999-02-01T02:30:00"),
    ],
)
def test_a_completed_task_has_one_successor(alice: Tasks, fields: dict[str, Any], expected: str | None) -> None:
    task = create(alice, **{"due_date": FAR, "priority": "low", "tags": ["a"], **fields}).json()
    for _ in range(3):  # completed, reopened, completed again
        assert alice.complete(task["id"]).status_code == 200
    done, *others = alice.all_in_full()
    assert done["completed"] is True
    assert [each["due_date"] for each in others] == ([expected] if expected else [])
    for each in others:
        assert (each["completed"], each["priority"], each["tags"]) == (False, "low", ["a"])
        assert each["recurrence"] == task["recurrence"]


@promise("docs/full-task.md#recurrence", "However many requests race or repeat, one occurrence has one successor.")
def test_however_many_requests_race_there_is_one_successor(alice: Tasks) -> None:
    task = create(alice, recurrence="daily", due_date=FAR).json()

    def complete(_: int) -> int:
        return alice.apart().complete(task["id"], json={"completed": True}).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(complete, range(8))) == {200}
    assert len(alice.all()) == 2


@promise("docs/full-task.md#recurrence", "A task that is created completed has no successor.")
def test_a_task_that_is_created_completed_has_no_successor(alice: Tasks) -> None:
    create(alice, recurrence="daily", due_date=FAR, completed=True)
    assert len(alice.all()) == 1
