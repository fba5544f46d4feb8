"""Whose a task is: user ids, ids of tasks, and what others are answered."""

from uuid import uuid4

import pytest

from tests.support.client import Client, Tasks, is_json
from tests.support.faults import (
    CHARACTER,
    NOT_FOUND,
    fault,
    too_long,
)
from tests.support.promises import promise

pytestmark = pytest.mark.part1


@promise("docs/api.md#paths-and-methods", "A text that is no UUID is simply the id of no task: 404.")
@pytest.mark.parametrize(
    "task_id",
    [
        "019be525-857b-774b-8b5e-5d2f8a6c3e10",
        "00000000-0000-0000-0000-000000000000",
        "1",
        "not-a-uuid",
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
        alice.patch(task_id, {"title": "Changed"}),
        alice.complete(task_id),
        alice.complete(task_id, json={"completed": True}),
        alice.delete(task_id),
    ):
        assert (response.status_code, response.json()) == (404, NOT_FOUND)
        assert is_json(response)


@promise(
    "docs/api.md#ownership",
    "A task of another user is answered exactly like a task that does not exist: 404 with the same bytes, for "
    "every method.",
)
def test_a_task_of_another_user_looks_like_no_task_at_all(alice: Tasks, bob: Tasks) -> None:
    task = alice.create(description="Secret")

    def answers(task_id: str) -> list[tuple[int, bytes, set[str]]]:
        responses = (
            bob.get(task_id),
            bob.put(task_id, {"title": "Mine"}),
            bob.put(task_id, {"title": ""}),
            bob.put(task_id, {}),
            bob.patch(task_id, {"title": "Mine"}),
            bob.complete(task_id),
            bob.complete(task_id, json={"completed": True}),
            bob.delete(task_id),
            bob.client.request("HEAD", f"{bob.path}/{task_id}"),
            bob.client.request("POST", f"{bob.path}/{task_id}"),
        )
        return [(response.status_code, response.content, {*map(str.lower, response.headers)}) for response in responses]

    of_another, of_nobody, of_no_uuid = answers(task["id"]), answers(str(uuid4())), answers("nonsense")
    assert of_another == of_nobody == of_no_uuid
    assert [status for status, *_ in of_another] == [404, 404, 422, 404, 404, 404, 404, 404, 404, 405]
    assert alice.all() == [task]
    assert bob.all() == []


@promise(
    "docs/api.md#paths-and-methods",
    "characters without `/` and control characters, percent-encoded where a URL needs it.",
)
@pytest.mark.parametrize(
    "form",
    [
        "x" * 223 + "{}",
        "\N{PILE OF POO}" * 223 + "{}",
        "{}@example.com",
        "auth0|{}",
        " spaces {} kept ",
        "{} 50%",
        "{}%2F",
        "{} a+b&c=d;e?f#g",
        "{} Zoë\N{REPLACEMENT CHARACTER}",
        "..;{}",
        "'; DROP TABLE tasks; -- {}",
    ],
)
def test_any_user_id_has_tasks_of_its_own(client: Client, form: str) -> None:
    user_id = form.format(uuid4().hex)
    tasks = client.of(user_id)
    response = tasks.post({"title": "Buy milk"})
    task = response.json()
    assert (response.status_code, task["user_id"]) == (201, user_id)
    assert tasks.get(task["id"]).json() == task
    assert tasks.all() == [task]


@promise("docs/api.md#resources", "201, the task; `Location: /api/{user_id}/tasks/{id}`")
def test_a_location_leads_to_the_task_whatever_the_user_is_called(client: Client) -> None:
    response = client.of(f"{uuid4()} 50% a+b&c;e?f#g ë").post({"title": "Buy milk"})
    assert client.get(response.headers.get("Location", "")).json() == response.json()


@promise("docs/api.md#paths-and-methods", "characters without `/` and control characters")
def test_a_user_id_may_be_short_or_a_word_of_ours(client: Client) -> None:
    for user_id in ("a", "tasks"):
        response = client.of(user_id).list_tasks()
        assert response.status_code == 200
        assert all(task["user_id"] == user_id for task in response.json())


@promise("docs/api.md#ownership", "Every request is about the tasks of the one user in its path.")
def test_user_ids_are_compared_to_the_letter(client: Client, alice: Tasks) -> None:
    task = alice.create()
    for other in (alice.user_id.upper(), alice.user_id + " ", alice.user_id + "%", alice.user_id[:-1] + "_"):
        assert client.of(other).get(task["id"]).status_code == 404
        assert client.of(other).all() == []


@promise(
    "docs/api.md#faults",
    "a control character in `user_id` | `value_error.str.character` | `string contains a character that is not "
    "allowed`",
)
@pytest.mark.parametrize(
    ("segment", "what"),
    [
        ("x" * 256, too_long(255)),
        ("%F0%9F%92%A9" * 256, too_long(255)),
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


@promise("docs/api.md#paths-and-methods", "characters without `/` and control characters")
@pytest.mark.parametrize("path", ["/api/a%2Fb/tasks", "/api//tasks", "/api/tasks", "/api/a/b/tasks", "/api/a/tasks//"])
def test_a_user_id_has_no_slash_and_is_not_empty(client: Client, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 404
    assert response.json() in ({"detail": "Not Found"}, NOT_FOUND)
