"""Keys of requests that are repeated: what is a repetition, what it is answered, and who has the key."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from tests.support.client import Tasks
from tests.support.promises import promise

pytestmark = pytest.mark.part2


@promise("docs/synchronization.md#idempotency-keys", "the first answer with `Idempotent-Replayed: true`")
@pytest.mark.parametrize(
    "key", ["k", "x" * 255, "!~#$%&'()*+,-./:;<=>?@[]^_`{|}", "0b6e3b0e-3f1c-4c3e-9b1a-5d2f8a6c3e10"]
)
def test_a_creation_that_is_repeated_makes_one_task(alice: Tasks, key: str) -> None:
    first = alice.send("POST", body={"title": "a"}, Idempotency_Key=key)
    again = alice.send("POST", body={"title": "a"}, Idempotency_Key=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    for name in ("Location", "ETag"):
        assert again.headers[name] == first.headers[name]
    assert (first.headers.get("Idempotent-Replayed"), again.headers["Idempotent-Replayed"]) == (None, "true")
    assert alice.all() == [first.json()]


@promise("docs/synchronization.md#idempotency-keys", "the same key, method, path and meaning of the body")
def test_the_meaning_of_the_body_counts_and_not_its_bytes(alice: Tasks) -> None:
    first = alice.send("POST", body={"title": "a"}, Idempotency_Key="k")
    for body in (
        {"title": " a "},
        {"completed": False, "title": "a"},
        {"title": "a", "description": None, "unknown": 1},
    ):
        assert alice.send("POST", body=body, Idempotency_Key="k").json() == first.json()
    task_id = first.json()["id"]
    done = alice.send("PATCH", f"/{task_id}/complete", Idempotency_Key="c")
    assert alice.send("PATCH", f"/{task_id}/complete/", {}, Idempotency_Key="c").json() == done.json()
    assert alice.get(task_id).json() == done.json()


@promise("docs/synchronization.md#idempotency-keys", "The same key with another request is 422")
def test_a_key_is_for_one_method_and_one_path(alice: Tasks) -> None:
    tasks = [alice.create("a"), alice.create("b")]
    alice.send("PATCH", f"/{tasks[0]['id']}/complete", Idempotency_Key="k")
    before = alice.all()
    for method, where, body in (
        ("POST", "", {"title": "a"}),
        ("PATCH", f"/{tasks[1]['id']}/complete", None),
        ("PATCH", f"/{tasks[0]['id']}/complete", {"completed": True}),
        ("PATCH", f"/{uuid4()}/complete", None),
        ("PATCH", "/nonsense/complete", None),
    ):
        answer = alice.send(method, where, body, Idempotency_Key="k")
        assert (answer.status_code, answer.json()["detail"][0]["type"]) == (422, "value_error.idempotency_key")
    assert alice.all() == before


@promise(
    "docs/synchronization.md#idempotency-keys",
    "A repeated request gets the first answer even where the task was changed or deleted since.",
)
def test_the_first_answer_comes_whatever_happened_since(alice: Tasks) -> None:
    task = alice.create()
    where = f"/{task['id']}/complete"
    first = alice.send("PATCH", where, Idempotency_Key="k", If_Match='"1"')
    assert first.status_code == 200
    alice.put(task["id"], {"title": "changed"})
    assert alice.send("PATCH", where, Idempotency_Key="k", If_Match='"1"').json() == first.json()
    alice.delete(task["id"])
    again = alice.send("PATCH", where, Idempotency_Key="k", If_Match='"1"')
    assert (again.status_code, again.json(), again.headers["ETag"]) == (200, first.json(), first.headers["ETag"])
    assert alice.all() == []


@promise("docs/synchronization.md#idempotency-keys", "Its view does not count: the first answer comes as it was.")
def test_the_first_answer_has_the_view_of_the_first_request(alice: Tasks) -> None:
    for index, views in enumerate((("basic", "full"), ("full", "basic"))):
        first, again = (
            alice.send("POST", f"?view={view}", {"title": "a"}, Idempotency_Key=f"key-{index}") for view in views
        )
        assert (again.status_code, again.json()) == (201, first.json())


@promise("docs/synchronization.md#idempotency-keys", "Each user has keys of their own.")
def test_each_user_has_keys_of_their_own(alice: Tasks, bob: Tasks) -> None:
    for tasks in (alice, bob):
        answer = tasks.send("POST", body={"title": tasks.user_id}, Idempotency_Key="k")
        assert (answer.status_code, answer.json()["title"]) == (201, tasks.user_id)


@promise("docs/synchronization.md#idempotency-keys", "Other requests ignore the header.")
def test_other_requests_ignore_a_key(alice: Tasks) -> None:
    task = alice.create()
    for title in ("b", "c"):
        for method in ("PUT", "PATCH"):
            answer = alice.send(method, f"/{task['id']}", {"title": title}, Idempotency_Key="")
            assert (answer.status_code, answer.json()["title"]) == (200, title)
    for query in ("", "?limit=1"):
        assert alice.send("GET", query, Idempotency_Key="k").status_code == 200
    assert alice.send("DELETE", f"/{task['id']}", Idempotency_Key="k").status_code == 200


@promise(
    "docs/synchronization.md#idempotency-keys",
    "An error stores nothing, so the request may be repeated with the same key.",
)
def test_an_error_leaves_the_key_free(alice: Tasks) -> None:
    task = alice.create()
    for answer in (
        alice.send("PATCH", "/nonsense/complete", Idempotency_Key="k"),
        alice.send("PATCH", f"/{task['id']}/complete", Idempotency_Key="k", If_Match='"99"'),
        alice.send("PATCH", f"/{task['id']}/complete", {"completed": 5}, Idempotency_Key="k"),
    ):
        assert answer.status_code in (404, 412, 422)
    assert alice.send("POST", body={"title": "a"}, Idempotency_Key="k").status_code == 201


@promise("docs/synchronization.md#idempotency-keys", "One that comes while the first is under way waits for it.")
def test_of_creations_that_race_one_acts(alice: Tasks) -> None:
    def create(_: int) -> tuple[int, str]:
        answer = alice.apart().send("POST", body={"title": "a"}, Idempotency_Key="k")
        return answer.status_code, answer.json()["id"]

    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(create, range(8)))
    assert answers == {(201, task["id"]) for task in alice.all()}
    assert len(answers) == 1
