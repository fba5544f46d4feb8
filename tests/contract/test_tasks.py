"""The tasks of a user: created, read, listed, changed, completed and deleted."""

import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from tests.support.client import FIELDS, Tasks, is_json
from tests.support.faults import (
    MISSING,
    NOT_A_BOOLEAN,
    NOT_AN_OBJECT,
    NOT_FOUND,
    NULL,
    fault,
)
from tests.support.promises import promise

pytestmark = pytest.mark.part1


@promise("docs/api.md#resources", "200, a JSON array, `[]` when there is no task")
def test_the_list_of_a_new_user_is_empty(alice: Tasks) -> None:
    response = alice.list_tasks()
    assert (response.status_code, response.json()) == (200, [])
    assert is_json(response)


@promise("docs/api.md#the-task", "An answer that carries a task has exactly these seven fields")
def test_a_new_task_has_the_seven_fields(alice: Tasks) -> None:
    response = alice.post({"title": "Buy milk"})
    task = response.json()
    assert response.status_code == 201
    assert is_json(response)
    assert set(task) == FIELDS
    assert task["user_id"] == alice.user_id
    assert (task["title"], task["description"], task["completed"]) == ("Buy milk", None, False)


@promise("docs/api.md#resources", "201, the task; `Location: /api/{user_id}/tasks/{id}`")
def test_a_new_task_has_a_location(alice: Tasks) -> None:
    response = alice.post({"title": "Buy milk"})
    assert response.headers.get("Location") == f"/api/{alice.user_id}/tasks/{response.json()['id']}"


@promise("docs/api.md#the-task", "a UUID of version 7")
def test_an_id_is_a_uuid_of_version_7(alice: Tasks) -> None:
    assert UUID(alice.create()["id"]).version == 7


@promise("docs/api.md#the-task", "Times are RFC 3339 in UTC with six digits of a second")
def test_times_are_in_utc_with_six_digits(alice: Tasks) -> None:
    before = datetime.now(UTC)
    task = alice.create()
    assert task["created_at"] == task["updated_at"]
    for written in (task["created_at"], alice.put(task["id"], {"title": "Changed"}).json()["updated_at"]):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", written)
        assert abs((datetime.fromisoformat(written) - before).total_seconds()) < 60


@promise("docs/api.md#promises", "A 2xx answer to a write means that the write is committed.")
def test_what_was_created_is_read_and_listed_alike(alice: Tasks) -> None:
    sent = {"title": "Buy milk", "description": "Two litres", "completed": True}
    task = alice.post(sent).json()
    assert {name: task[name] for name in sent} == sent
    assert alice.get(task["id"]).json() == task
    assert alice.list_tasks().json() == [task]


@promise("docs/api.md#resources", "lists all tasks of the user, oldest first")
def test_the_list_has_every_task_oldest_first(alice: Tasks) -> None:
    created = [alice.create(f"Task {number}") for number in range(120)]
    alice.put(created[3]["id"], {"title": "Changed"})
    listed = alice.all()
    assert [task["id"] for task in listed] == [task["id"] for task in created]
    assert [task["created_at"] for task in listed] == sorted(task["created_at"] for task in created)


@promise("docs/api.md#what-a-client-may-send", "A field that is absent stays as it is.")
@pytest.mark.parametrize("method", ["put", "patch"])
def test_a_change_leaves_what_is_absent(alice: Tasks, method: str) -> None:
    change = getattr(alice, method)
    task = alice.create(description="Two litres", completed=True)
    changed = change(task["id"], {"title": "Buy cream"}).json()
    assert changed == {**task, "title": "Buy cream", "updated_at": changed["updated_at"]}
    assert changed["updated_at"] > task["updated_at"]
    again = change(task["id"], {"completed": False, "description": "One"}).json()
    assert again == {**changed, "completed": False, "description": "One", "updated_at": again["updated_at"]}
    assert alice.get(task["id"]).json() == again


@promise("docs/api.md#what-a-client-may-send", '`"description": null` removes the description')
@pytest.mark.parametrize("method", ["put", "patch"])
def test_null_clears_a_description(alice: Tasks, method: str) -> None:
    task = alice.create(description="Two litres")
    assert getattr(alice, method)(task["id"], {"description": None}).json()["description"] is None
    assert alice.get(task["id"]).json()["description"] is None


@promise("docs/api.md#what-a-client-may-send", "`{}` changes nothing, not even `updated_at`.")
@pytest.mark.parametrize("method", ["put", "patch"])
def test_an_empty_change_changes_nothing(alice: Tasks, method: str) -> None:
    task = alice.create()
    response = getattr(alice, method)(task["id"], {})
    assert (response.status_code, response.json()) == (200, task)


@promise("docs/api.md#promises", "An answer in the 4xx range means that nothing was changed.")
@pytest.mark.parametrize("method", ["put", "patch"])
def test_a_bad_change_changes_nothing(alice: Tasks, method: str) -> None:
    task = alice.create()
    response = getattr(alice, method)(task["id"], {"title": None, "completed": "yes"})
    faults = [fault("body", "title", **NULL), fault("body", "completed", **NOT_A_BOOLEAN)]
    assert (response.status_code, response.json()) == (422, {"detail": faults})
    assert alice.get(task["id"]).json() == task


@promise("docs/api.md#resources", "without a body, or with `{}`, toggles `completed`")
def test_completing_flips_without_a_body_or_with_an_empty_one(alice: Tasks) -> None:
    task = alice.create()
    for expected, body in ((True, None), (False, {}), (True, {}), (False, None)):
        response = alice.complete(task["id"], json=body)
        assert response.status_code == 200
        assert response.json() == {**task, "completed": expected, "updated_at": response.json()["updated_at"]}
        assert response.json()["updated_at"] > task["updated_at"]
        task = response.json()
        assert alice.get(task["id"]).json() == task


@promise("docs/api.md#resources", "without a body, or with `{}`, toggles `completed`")
def test_completing_without_a_body_may_have_any_content_type(alice: Tasks) -> None:
    task = alice.create()
    for number, content_type in enumerate(("application/json", "text/plain", "")):
        response = alice.complete(task["id"], headers={"Content-Type": content_type})
        assert (response.status_code, response.json()["completed"]) == (200, number % 2 == 0)


@promise("docs/api.md#resources", 'with `{"completed": true}` or `{"completed": false}`, sets it')
def test_completing_with_a_body_sets(alice: Tasks) -> None:
    task = alice.create()
    for completed in (True, True, False, False):
        response = alice.complete(task["id"], json={"completed": completed, "ignored": 5})
        assert (response.status_code, response.json()["completed"]) == (200, completed)


@promise(
    "docs/api.md#what-a-client-may-send",
    "Any other object without `completed` is an error, so that a misspelt name does not toggle the task.",
)
@pytest.mark.parametrize(
    ("body", "loc", "what"),
    [
        ({"complete": True}, ("body", "completed"), MISSING),
        ({"title": "Buy cream"}, ("body", "completed"), MISSING),
        ({"Completed": True, "": None}, ("body", "completed"), MISSING),
        ({"completed": None}, ("body", "completed"), NULL),
        ({"completed": "false"}, ("body", "completed"), NOT_A_BOOLEAN),
        ([True], ("body",), NOT_AN_OBJECT),
        ([], ("body",), NOT_AN_OBJECT),
        (True, ("body",), NOT_AN_OBJECT),
    ],
)
def test_completing_with_a_bad_body_changes_nothing(
    alice: Tasks, body: Any, loc: tuple[str, ...], what: dict[str, str]
) -> None:
    task = alice.create()
    response = alice.complete(task["id"], json=body)
    assert (response.status_code, response.json()) == (422, {"detail": [fault(*loc, **what)]})
    assert alice.get(task["id"]).json() == task


@promise("docs/api.md#resources", 'deletes the task for good | 200, `{"message": "Task deleted successfully"}`')
def test_a_deleted_task_is_gone_for_good(alice: Tasks) -> None:
    task, other = alice.create(), alice.create()
    response = alice.delete(task["id"])
    assert (response.status_code, response.json()) == (200, {"message": "Task deleted successfully"})
    assert alice.all() == [other]
    for again in (alice.get(task["id"]), alice.delete(task["id"]), alice.patch(task["id"], {})):
        assert (again.status_code, again.json()) == (404, NOT_FOUND)
