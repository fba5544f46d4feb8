"""The contract, point by point, over HTTP."""

import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.support.client import Client, Tasks
from tests.support.faults import (
    CHARACTER,
    EMPTY,
    MISSING,
    NOT_A_BOOLEAN,
    NOT_A_STRING,
    NOT_AN_OBJECT,
    NULL,
    fault,
    too_long,
)

FIELDS = {"id", "user_id", "title", "description", "completed", "created_at", "updated_at"}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
NOT_FOUND = b'{"detail":"Task not found"}'

refused_by_nginx = pytest.mark.not_through_nginx("nginx answers 400 to %00, and 405 to TRACE, by itself")


def time(text: str) -> datetime:
    assert TIME.fullmatch(text)
    return datetime.fromisoformat(text)


def test_the_list_of_a_new_user_is_empty(alice: Tasks) -> None:
    response = alice.list_tasks()
    assert (response.status_code, response.content) == (200, b"[]")
    assert response.headers["Content-Type"] == "application/json"


def test_a_new_task_has_the_seven_fields_and_a_location(alice: Tasks) -> None:
    before = datetime.now(UTC)
    response = alice.post({"title": "Buy milk"})
    task = response.json()
    assert response.status_code == 201
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Location"] == f"/api/{alice.user_id}/tasks/{task['id']}"
    assert set(task) == FIELDS
    assert UUID(task["id"]).version == 7
    assert task["user_id"] == alice.user_id
    assert (task["title"], task["description"], task["completed"]) == ("Buy milk", None, False)
    assert task["created_at"] == task["updated_at"]
    assert abs((time(task["created_at"]) - before).total_seconds()) < 60


def test_what_was_created_is_read_and_listed_alike(alice: Tasks) -> None:
    sent = {"title": "Buy milk", "description": "Two litres", "completed": True}
    task = alice.post(sent).json()
    assert {name: task[name] for name in sent} == sent
    assert alice.get(task["id"]).json() == task
    assert alice.list_tasks().json() == [task]


def test_the_list_has_every_task_oldest_first(alice: Tasks) -> None:
    created = [alice.create(f"Task {number}") for number in range(30)]
    alice.put(created[3]["id"], {"title": "Changed"})
    listed = alice.all()
    assert [task["id"] for task in listed] == [task["id"] for task in created]
    assert [task["created_at"] for task in listed] == sorted(task["created_at"] for task in created)


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


@pytest.mark.parametrize(("field", "value", "what"), BAD_FIELDS)
def test_a_bad_field_is_refused_when_creating(alice: Tasks, field: str, value: Any, what: dict[str, str]) -> None:
    response = alice.post({"title": "Buy milk", field: value})
    assert (response.status_code, response.json()) == (422, {"detail": [fault("body", field, **what)]})
    assert response.headers["Content-Type"] == "application/json"
    assert alice.all() == []


@pytest.mark.parametrize(("field", "value", "what"), BAD_FIELDS)
def test_a_bad_field_is_refused_when_changing(alice: Tasks, field: str, value: Any, what: dict[str, str]) -> None:
    task = alice.create()
    response = alice.put(task["id"], {"title": "Changed", field: value})
    assert (response.status_code, response.json()) == (422, {"detail": [fault("body", field, **what)]})
    assert alice.all() == [task]


def test_a_title_is_required_to_create(alice: Tasks) -> None:
    response = alice.post({})
    assert (response.status_code, response.json()) == (422, {"detail": [fault("body", "title", **MISSING)]})


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


def test_a_change_leaves_what_is_absent(alice: Tasks) -> None:
    task = alice.create(description="Two litres", completed=True)
    changed = alice.put(task["id"], {"title": "Buy cream"}).json()
    assert changed == {**task, "title": "Buy cream", "updated_at": changed["updated_at"]}
    assert time(changed["updated_at"]) > time(task["updated_at"])
    again = alice.put(task["id"], {"completed": False, "description": "One"}).json()
    assert again == {**changed, "completed": False, "description": "One", "updated_at": again["updated_at"]}
    assert alice.get(task["id"]).json() == again


def test_null_clears_a_description(alice: Tasks) -> None:
    task = alice.create(description="Two litres")
    assert alice.put(task["id"], {"description": None}).json()["description"] is None
    assert alice.get(task["id"]).json()["description"] is None


def test_an_empty_change_changes_nothing(alice: Tasks) -> None:
    task = alice.create()
    response = alice.put(task["id"], {})
    assert (response.status_code, response.json()) == (200, task)


def test_completing_flips_without_a_body(alice: Tasks) -> None:
    task = alice.create()
    for expected in (True, False, True):
        response = alice.complete(task["id"])
        assert response.status_code == 200
        assert response.json() == {**task, "completed": expected, "updated_at": response.json()["updated_at"]}
        assert time(response.json()["updated_at"]) > time(task["updated_at"])
        task = response.json()
        assert alice.get(task["id"]).json() == task


def test_completing_without_a_body_may_have_any_content_type(alice: Tasks) -> None:
    task = alice.create()
    for number, content_type in enumerate(("application/json", "text/plain", "")):
        response = alice.complete(task["id"], headers={"Content-Type": content_type})
        assert (response.status_code, response.json()["completed"]) == (200, number % 2 == 0)


def test_completing_with_a_body_sets(alice: Tasks) -> None:
    task = alice.create()
    for completed in (True, True, False, False):
        response = alice.complete(task["id"], json={"completed": completed})
        assert (response.status_code, response.json()["completed"]) == (200, completed)


@pytest.mark.parametrize(
    ("body", "loc", "what"),
    [
        ({}, ("body", "completed"), MISSING),
        ({"complete": True}, ("body", "completed"), MISSING),
        ({"completed": None}, ("body", "completed"), NULL),
        ({"completed": "false"}, ("body", "completed"), NOT_A_BOOLEAN),
        ([True], ("body",), NOT_AN_OBJECT),
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


def test_a_deleted_task_is_gone_for_good(alice: Tasks) -> None:
    task, other = alice.create(), alice.create()
    response = alice.delete(task["id"])
    assert (response.status_code, response.json()) == (200, {"message": "Task deleted successfully"})
    assert alice.all() == [other]
    for again in (alice.get(task["id"]), alice.delete(task["id"]), alice.complete(task["id"])):
        assert (again.status_code, again.content) == (404, NOT_FOUND)


@pytest.mark.parametrize(
    "task_id",
    [
        "019be525-857b-774b-8b5e-5d2f8a6c3e10",
        "00000000-0000-0000-0000-000000000000",
        "1",
        "not-a-uuid",
        pytest.param("%00", marks=refused_by_nginx),
        "%FF",
        "%0d%0a",
        "x" * 1000,
        "019be525857b774b8b5e5d2f8a6c3e10",
        "{019be525-857b-774b-8b5e-5d2f8a6c3e10}",
        "019be525-857b-774b-8b5e-5d2f8a6c3e1%C3%A9",
        "%F0%9F%92%A9",
    ],
)
def test_an_id_that_no_task_has_is_not_found_by_every_method(alice: Tasks, task_id: str) -> None:
    for response in (
        alice.get(task_id),
        alice.put(task_id, {"title": "Changed"}),
        alice.put(task_id, {}),
        alice.complete(task_id),
        alice.complete(task_id, json={"completed": True}),
        alice.delete(task_id),
    ):
        assert (response.status_code, response.content) == (404, NOT_FOUND)
        assert response.headers["Content-Type"] == "application/json"


def test_a_task_of_another_user_looks_like_no_task_at_all(alice: Tasks, bob: Tasks) -> None:
    task = alice.create(description="Secret")

    def answers(task_id: str) -> list[tuple[int, bytes, dict[str, str]]]:
        responses = (
            bob.get(task_id),
            bob.put(task_id, {"title": "Mine"}),
            bob.put(task_id, {"title": ""}),
            bob.put(task_id, {}),
            bob.complete(task_id),
            bob.complete(task_id, json={"completed": True}),
            bob.delete(task_id),
            bob.client.request("HEAD", f"{bob.path}/{task_id}"),
            bob.client.request("POST", f"{bob.path}/{task_id}"),
        )
        ours = ("Date", "X-Request-ID")
        return [
            (
                response.status_code,
                response.content,
                {name: value for name, value in response.headers.items() if name not in ours},
            )
            for response in responses
        ]

    of_another, of_nobody, of_no_uuid = answers(task["id"]), answers(str(uuid4())), answers("nonsense")
    assert of_another == of_nobody == of_no_uuid
    assert [status for status, *_ in of_another] == [404, 404, 422, 404, 404, 404, 404, 404, 405]
    assert alice.all() == [task]
    assert bob.all() == []


@pytest.mark.parametrize(
    "user_id",
    [
        "a",
        "x" * 255,
        "\N{PILE OF POO}" * 255,
        "user@example.com",
        "auth0|5f7c8ec7c33c6c004bbafe82",
        " spaces kept ",
        "50%",
        "%2F",
        "a+b&c=d;e?f#g",
        "Zoë\N{REPLACEMENT CHARACTER}",
        "..;",
        "'; DROP TABLE tasks; --",
        "tasks",
    ],
)
def test_any_user_id_has_tasks_of_its_own(client: Client, user_id: str) -> None:
    tasks = client.of(user_id)
    for old in tasks.all():
        tasks.delete(old["id"])
    response = tasks.post({"title": "Buy milk"})
    task = response.json()
    assert (response.status_code, task["user_id"]) == (201, user_id)
    assert client.get(response.headers["Location"]).json() == task
    assert tasks.all() == [task]


def test_user_ids_are_compared_to_the_letter(client: Client, alice: Tasks) -> None:
    task = alice.create()
    for other in (alice.user_id.upper(), alice.user_id + " ", alice.user_id + "%", alice.user_id[:-1] + "_"):
        assert client.of(other).get(task["id"]).status_code == 404
        assert client.of(other).all() == []


@pytest.mark.parametrize(
    ("segment", "what"),
    [
        ("x" * 256, too_long(255)),
        ("%F0%9F%92%A9" * 256, too_long(255)),
        pytest.param("%00", CHARACTER, marks=refused_by_nginx),
        pytest.param("alice%00", CHARACTER, marks=refused_by_nginx),
        ("%0d%0aSet-Cookie:x", CHARACTER),
        ("%1F", CHARACTER),
        ("%7F", CHARACTER),
        ("%C2%85", CHARACTER),
        ("%FF", CHARACTER),
        ("%ED%A0%80", CHARACTER),
        ("%C0%AF", CHARACTER),
    ],
)
def test_a_bad_user_id_is_refused_by_every_method(client: Client, segment: str, what: dict[str, str]) -> None:
    for method, path, body in (
        ("GET", "", None),
        ("POST", "", {"title": "Buy milk"}),
        ("GET", f"/{uuid4()}", None),
        ("PUT", f"/{uuid4()}", {}),
        ("PATCH", f"/{uuid4()}/complete", None),
        ("DELETE", "/nonsense", None),
    ):
        response = client.request(method, f"/api/{segment}/tasks{path}", json=body)
        assert (response.status_code, response.json()) == (422, {"detail": [fault("path", "user_id", **what)]})


@pytest.mark.parametrize("path", ["/api/a%2Fb/tasks", "/api//tasks", "/api/tasks", "/api/a/b/tasks", "/api/a/tasks//"])
def test_a_user_id_has_no_slash_and_is_not_empty(client: Client, path: str) -> None:
    response = client.get(path)
    assert (response.status_code, response.content) in ((404, b'{"detail":"Not Found"}'), (404, NOT_FOUND))
    assert response.status_code == 404


def test_a_trailing_slash_means_the_same_thing(alice: Tasks) -> None:
    slashed = f"{alice.path}/"
    created = alice.client.request("POST", slashed, json={"title": "Buy milk"})
    task = created.json()
    assert created.status_code == 201
    assert created.headers["Location"] == f"{alice.path}/{task['id']}"
    assert alice.client.get(slashed).json() == [task]
    assert alice.client.get(f"{slashed}{task['id']}/").json() == task
    assert alice.client.request("PUT", f"{slashed}{task['id']}/", json={"title": "New"}).json()["title"] == "New"
    assert alice.client.request("PATCH", f"{slashed}{task['id']}/complete/").json()["completed"] is True
    assert alice.client.request("DELETE", f"{slashed}{task['id']}/").status_code == 200


def test_head_is_get_without_the_body(alice: Tasks) -> None:
    task = alice.create()
    for path in (alice.path, f"{alice.path}/{task['id']}"):
        got, head = alice.client.get(path), alice.client.request("HEAD", path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["Content-Length"] == str(len(got.content))
        assert head.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("", {"GET", "HEAD", "OPTIONS", "POST"}),
        ("/x", {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"}),
        ("/x/complete", {"PATCH", "OPTIONS"}),
    ],
)
def test_other_methods_are_not_allowed(alice: Tasks, path: str, allowed: set[str]) -> None:
    for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "PROPFIND"} - allowed:
        response = alice.client.request(method, alice.path + path)
        assert response.status_code == 405
        assert set(response.headers["Allow"].split(", ")) == allowed
        assert method == "HEAD" or response.content == b'{"detail":"Method Not Allowed"}'
    options = alice.client.request("OPTIONS", alice.path + path)
    assert (options.status_code, options.content) == (200, b"")
    assert set(options.headers["Allow"].split(", ")) == allowed


@refused_by_nginx
def test_trace_is_not_allowed(alice: Tasks) -> None:
    response = alice.client.request("TRACE", alice.path)
    assert (response.status_code, response.content) == (405, b'{"detail":"Method Not Allowed"}')
    assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}


@pytest.mark.parametrize(
    "path",
    [
        *("/nope", "/api", "/api/alice", "/api/alice/task", "/api/alice/tasks/x/y", "/health/x", "/%FF"),
        pytest.param("/%00", marks=refused_by_nginx),
    ],
)
def test_an_unknown_route_is_not_found_in_json(client: Client, path: str) -> None:
    response = client.get(path)
    assert (response.status_code, response.content) == (404, b'{"detail":"Not Found"}')
    assert response.headers["Content-Type"] == "application/json"
