"""Tasks that recur, completed by every kind of request, and by clients that do not know of recurrence."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import requests

from tests.support.client import FIELDS, Tasks
from tests.support.promises import promise

pytestmark = pytest.mark.part2

FAR = "2999-01-31"  # after today, so the next date is counted from it
NEXT = "2999-02-01"

Complete = Callable[[Tasks, str], requests.Response]
# Whatever completes a task, in either view.
COMPLETIONS: dict[str, Complete] = {
    "flip": lambda tasks, task_id: tasks.complete(task_id),
    "flip with {}": lambda tasks, task_id: tasks.complete(task_id, json={}),
    "set": lambda tasks, task_id: tasks.complete(task_id, json={"completed": True}),
    "put": lambda tasks, task_id: tasks.put(task_id, {"completed": True}),
    "patch": lambda tasks, task_id: tasks.patch(task_id, {"completed": True}),
    "put in the full view": lambda tasks, task_id: tasks.put_in_full(task_id, completed=True),
    "set with a key": lambda tasks, task_id: tasks.complete(
        task_id, json={"completed": True}, headers={"Idempotency-Key": task_id}
    ),
    "if it matches": lambda tasks, task_id: tasks.complete(
        task_id, json={"completed": True}, headers={"If-Match": tasks.get(task_id).headers["ETag"]}
    ),
}


def create(tasks: Tasks, **fields: Any) -> dict[str, Any]:
    return tasks.create_in_full(**{"title": "Water the plants", "due_date": FAR, "recurrence": "daily", **fields})


def due_dates(tasks: Tasks) -> list[str | None]:
    return [task["due_date"] for task in tasks.all_in_full()]


@promise("docs/full-task.md#recurrence", "Completing a task with a rule creates the next one in the same transaction")
@pytest.mark.parametrize("how", COMPLETIONS)
def test_whatever_completes_a_task_makes_one_successor(alice: Tasks, how: str) -> None:
    fields = {"description": "All", "priority": "high", "tags": ["a", "b"], "recurrence_from": "due"}
    task = create(alice, due_date=f"{FAR}T09:00:00", time_zone="Europe/Berlin", **fields)
    first = COMPLETIONS[how](alice, task["id"])
    assert first.status_code == 200, first.text
    if how not in ("flip", "flip with {}"):
        assert COMPLETIONS[how](alice, task["id"]).status_code == 200
    done, successor = alice.all_in_full()
    assert (done["id"], done["completed"], done["due_date"]) == (task["id"], True, task["due_date"])
    assert done["version"] <= alice_version(alice)
    own = {name: successor[name] for name in ("id", "created_at", "updated_at", "version")}
    assert successor == {**task, **own, "due_date": f"{NEXT}T09:00:00", "completed": False, "completed_at": None}
    assert successor["id"] > done["id"]
    assert successor["created_at"] == successor["updated_at"]


def alice_version(tasks: Tasks) -> int:
    return int(tasks.list_tasks().headers["ETag"].strip('"').rpartition("-")[2])


@promise("docs/full-task.md#recurrence", "in the same transaction")
def test_completion_and_successor_are_one_change(alice: Tasks) -> None:
    task = create(alice)
    tag = alice.list_tasks().headers["ETag"].removeprefix("W/").strip('"')
    alice.complete(task["id"])
    done, successor = alice.all_in_full()
    assert done["version"] == successor["version"] == 2
    changes = alice.client.get(f"{alice.path.removesuffix('/tasks')}/changes?since={tag}&limit=1&view=full").json()
    assert ({each["id"] for each in changes["tasks"]}, changes["has_more"]) == ({done["id"], successor["id"]}, False)


@promise("docs/full-task.md#recurrence", "one occurrence has one successor")
def test_each_occurrence_has_one_successor(alice: Tasks) -> None:
    task_id = create(alice)["id"]
    for completed in (True, False, True, False):
        alice.complete(task_id, json={"completed": completed})
    assert due_dates(alice) == [FAR, NEXT]
    # With another due date it is another occurrence.
    assert alice.put_in_full(task_id, due_date="2999-05-01", completed=True).status_code == 200
    assert due_dates(alice) == ["2999-05-01", NEXT, "2999-05-02"]
    # Of the first one, there is a successor already.
    alice.put_in_full(task_id, due_date=FAR, completed=False)
    assert alice.complete(task_id).status_code == 200
    assert due_dates(alice) == [FAR, NEXT, "2999-05-02"]
    successor = alice.all_in_full()[1]
    alice.complete(successor["id"])
    assert due_dates(alice)[-1] == "2999-02-02"


@promise("docs/full-task.md#recurrence", "After `UNTIL` there is none.")
def test_an_occurrence_after_which_there_was_none_may_get_a_successor(alice: Tasks) -> None:
    task_id = create(alice, recurrence="FREQ=DAILY;UNTIL=29990131")["id"]
    alice.complete(task_id)
    alice.complete(task_id)
    assert due_dates(alice) == [FAR]
    alice.put_in_full(task_id, recurrence="FREQ=DAILY;UNTIL=29990201", completed=True)
    assert due_dates(alice) == [FAR, NEXT]


@promise("docs/full-task.md#the-full-task", "A change is checked against the task as it would be after it.")
def test_what_was_read_can_be_sent_back(alice: Tasks) -> None:
    task = create(alice, due_date=f"{FAR}T09:00:00", time_zone="Europe/Berlin", tags=["a"], recurrence="weekdays")
    again = alice.put_in_full(task["id"], **task).json()
    assert again == {**task, "updated_at": again["updated_at"], "version": 2}


@promise("docs/full-task.md#recurrence", "However many requests race or repeat")
def test_a_deleted_successor_does_not_come_back(alice: Tasks) -> None:
    task_id = create(alice)["id"]
    alice.complete(task_id)
    alice.delete(alice.all_in_full()[1]["id"])
    alice.complete(task_id)
    alice.complete(task_id)
    assert due_dates(alice) == [FAR]


@promise("docs/full-task.md#the-full-task", "is 422 with `value_error.conflict`, and changes nothing")
def test_a_refused_completion_makes_nothing(alice: Tasks) -> None:
    task = create(alice)
    assert alice.complete(task["id"], headers={"If-Match": '"99"'}).status_code == 412
    assert alice.complete(task["id"], json={"complete": True}).status_code == 422
    assert alice.put_in_full(task["id"], completed=True, due_date=None).status_code == 422
    assert alice.client.of("somebody-else").complete(task["id"]).status_code == 404
    assert alice.all_in_full() == [task]


@promise(
    "docs/full-task.md#the-full-task", "In the basic view, these fields are ignored in a body and absent in an answer."
)
def test_a_client_of_the_basic_view_sees_a_successor_as_any_task(alice: Tasks) -> None:
    task_id = create(alice)["id"]
    answer = alice.complete(task_id)
    assert set(answer.json()) == FIELDS
    assert [set(task) for task in alice.all()] == [FIELDS, FIELDS]
    successor = alice.all()[1]
    changed = alice.put(successor["id"], {"title": "b", "recurrence": None, "due_date": None, "tags": ["x"]})
    assert set(changed.json()) == FIELDS
    found = alice.all_in_full()[1]
    assert (found["title"], found["recurrence"], found["due_date"], found["tags"]) == ("b", "FREQ=DAILY", NEXT, [])


@promise("docs/full-task.md#recurrence", "a change to daylight saving time moves nothing")
@pytest.mark.parametrize(
    ("due", "rule", "expected"),
    [
        # To summer time: this time is not on the wall on the next day, and the day after it has 23 hours.
        ("2999-03-30T02:30:00", "daily", "2999-03-31T02:30:00"),
        ("2999-03-31T09:00:00", "daily", "2999-04-01T09:00:00"),
        # To winter time: the next day has 25 hours.
        ("2999-10-26T02:30:00", "daily", "2999-10-27T02:30:00"),
        ("2999-10-27T23:59:59", "daily", "2999-10-28T23:59:59"),
        ("2999-03-24T00:00:00", "weekly", "2999-03-31T00:00:00"),
    ],
)
@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", None])
def test_a_change_of_daylight_saving_time_moves_nothing(
    alice: Tasks, due: str, rule: str, expected: str, zone: str | None
) -> None:
    task = create(alice, due_date=due, time_zone=zone, recurrence=rule)
    alice.complete(task["id"])
    assert due_dates(alice) == [due, expected]


@promise("docs/full-task.md#due-dates", "an instant, in UTC")
def test_an_instant_stays_at_its_time_in_utc(alice: Tasks) -> None:
    task = create(alice, due_date="2999-03-30T23:30:00+01:00")
    alice.complete(task["id"])
    assert due_dates(alice) == ["2999-03-30T22:30:00Z", "2999-03-31T22:30:00Z"]


@promise("docs/full-task.md#recurrence", "the later of the due date and today")
def test_today_is_that_of_the_zone(alice: Tasks) -> None:
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
        task = create(alice, due_date="2020-01-01T12:00:00", time_zone=zone)
        days = [datetime.now(ZoneInfo(zone)).date()]
        alice.complete(task["id"])
        days.append(datetime.now(ZoneInfo(zone)).date())
        found = date.fromisoformat(alice.all_in_full()[-1]["due_date"][:10])
        assert found - timedelta(days=1) in days


@promise("docs/full-task.md#recurrence", "However many requests race or repeat")
def test_however_requests_race_there_is_one_successor_for_each_occurrence(alice: Tasks) -> None:
    task_id = create(alice)["id"]
    ways = list(COMPLETIONS.values())[2:]

    def act(number: int) -> int:
        tasks = alice.apart()
        if number % 3 == 0:
            return tasks.complete(task_id, json={"completed": False}).status_code
        return ways[number % len(ways)](tasks, task_id).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(act, range(48))) <= {200, 412}
    assert sorted(filter(None, due_dates(alice))) == [FAR, NEXT]
    assert alice.list_tasks().headers["X-Total-Count"] == "2"
