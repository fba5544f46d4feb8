"""What a client may send in the fields of a task, and which faults it is told."""

from typing import Any
from uuid import uuid4

import pytest

from tests.support.client import FIELDS, Client, Tasks
from tests.support.faults import (
    CHARACTER,
    EMPTY,
    MISSING,
    NOT_A_BOOLEAN,
    NOT_A_STRING,
    NULL,
    fault,
    too_long,
)
from tests.support.promises import promise

pytestmark = pytest.mark.part1


@promise("docs/api.md#the-task", "white space around it is removed")
@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (" Buy milk\n", "Buy milk"),
        ("\u00a0\u2003Milch\u3000", "Milch"),
        ("x" * 500, "x" * 500),
        ("  " + "x" * 500 + "  ", "x" * 500),
        ("\N{PILE OF POO}" * 500, "\N{PILE OF POO}" * 500),
        ("a\tb\nc \x01 \\ ' \" %s {} \u2028 \ufeff \ufffd", "a\tb\nc \x01 \\ ' \" %s {} \u2028 \ufeff \ufffd"),
        ("'); DROP TABLE tasks; --", "'); DROP TABLE tasks; --"),
    ],
)
def test_a_title_is_trimmed_and_otherwise_kept(alice: Tasks, sent: str, kept: str) -> None:
    task = alice.create(sent)
    assert task["title"] == kept
    assert alice.put(task["id"], {"title": sent}).json()["title"] == kept
    assert alice.get(task["id"]).json()["title"] == kept


@promise("docs/api.md#the-task", "optional, at most 5000 characters, kept as sent")
@pytest.mark.parametrize("description", [None, "", "  kept as sent \n", "\N{PILE OF POO}" * 5000])
def test_a_description_is_kept_as_sent(alice: Tasks, description: str | None) -> None:
    task = alice.create(description=description)
    assert task["description"] == description
    assert alice.get(task["id"]).json()["description"] == description


BAD_FIELDS: list[tuple[str, Any, dict[str, str]]] = [
    ("title", None, NULL),
    ("title", 5, NOT_A_STRING),
    ("title", True, NOT_A_STRING),
    ("title", ["Buy milk"], NOT_A_STRING),
    ("title", {}, NOT_A_STRING),
    ("title", "", EMPTY),
    ("title", " \t\n\u00a0", EMPTY),
    ("title", "x" * 501, too_long(500)),
    ("title", "a\0b", CHARACTER),
    ("description", 5, NOT_A_STRING),
    ("description", False, NOT_A_STRING),
    ("description", "x" * 5001, too_long(5000)),
    ("description", "\0", CHARACTER),
    ("completed", None, NULL),
    ("completed", "yes", NOT_A_BOOLEAN),
    ("completed", "true", NOT_A_BOOLEAN),
    ("completed", 1, NOT_A_BOOLEAN),
    ("completed", 0, NOT_A_BOOLEAN),
    ("completed", [], NOT_A_BOOLEAN),
]


@promise("docs/api.md#faults", "`type` and `msg` are always one of these pairs")
@pytest.mark.parametrize(("field", "value", "what"), BAD_FIELDS)
def test_a_bad_field_is_refused_when_creating(alice: Tasks, field: str, value: Any, what: dict[str, str]) -> None:
    response = alice.post({"title": "Buy milk", field: value})
    assert (response.status_code, response.json()) == (422, {"detail": [fault("body", field, **what)]})
    assert alice.all() == []


@promise("docs/api.md#promises", "An answer in the 4xx range means that nothing was changed.")
@pytest.mark.parametrize(("field", "value", "what"), BAD_FIELDS)
def test_a_bad_field_is_refused_when_changing(alice: Tasks, field: str, value: Any, what: dict[str, str]) -> None:
    task = alice.create()
    response = alice.put(task["id"], {"title": "Changed", field: value})
    assert (response.status_code, response.json()) == (422, {"detail": [fault("body", field, **what)]})
    assert alice.all() == [task]


@promise("docs/api.md#faults", "a required field is absent | `value_error.missing` | `field required`")
def test_a_title_is_required_to_create(alice: Tasks) -> None:
    response = alice.post({})
    assert (response.status_code, response.json()) == (422, {"detail": [fault("body", "title", **MISSING)]})


@promise("docs/api.md#faults", "With 422, `detail` is a list of all faults of the request, those of the path first")
def test_all_faults_are_told_at_once(client: Client) -> None:
    path = f"/api/{'x' * 256}/tasks"
    body = {"title": "x" * 501 + "\0", "description": 5, "completed": "yes"}
    response = client.request("POST", path, json=body)
    assert response.status_code == 422
    assert response.json()["detail"] == [
        fault("path", "user_id", **too_long(255)),
        fault("body", "title", **too_long(500)),
        fault("body", "title", **CHARACTER),
        fault("body", "description", **NOT_A_STRING),
        fault("body", "completed", **NOT_A_BOOLEAN),
    ]
    response = client.request("POST", path, json={"title": "Buy milk"})
    assert response.json()["detail"] == [fault("path", "user_id", **too_long(255))]


@promise("docs/api.md#what-a-client-may-send", "Fields that are unknown, or that only the service sets, are ignored.")
def test_fields_of_the_server_and_unknown_ones_are_ignored(alice: Tasks) -> None:
    foreign: dict[str, Any] = {
        "id": str(uuid4()),
        "user_id": "mallory",
        "created_at": "2000-01-01T00:00:00Z",
        "updated_at": 5,
        "priority": {"a": [1]},
    }
    task = alice.create(**foreign)
    assert set(task) == FIELDS
    assert task["id"] != foreign["id"]
    assert task["user_id"] == alice.user_id
    assert alice.put(task["id"], foreign).json() == task
