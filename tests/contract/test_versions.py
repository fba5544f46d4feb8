"""Versions: conditional requests, changes since a token, and requests that are repeated."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.client import Tasks, token_of
from tests.support.promises import promise
from tests.support.replica import Replica

pytestmark = pytest.mark.part2


@promise(
    "docs/synchronization.md#versions",
    "Each change of a user's tasks has the next number of that user, in the order of the commits and without gaps.",
)
def test_each_change_has_the_next_number(alice: Tasks) -> None:
    created = alice.post({"title": "a"})
    one = created.json()["id"]
    assert created.headers["ETag"] == '"1"'
    assert alice.put(one, {"title": "a"}).headers["ETag"] == '"2"'
    assert alice.put(one, {}).headers["ETag"] == '"2"'
    assert alice.put(one, {"title": ""}).status_code == 422
    assert alice.complete(one).headers["ETag"] == '"3"'
    assert alice.post({"title": "b"}).headers["ETag"] == '"4"'
    assert alice.get(one).headers["ETag"] == '"3"'
    before = alice.list_tasks().headers["ETag"]
    assert before.endswith('-4"')
    after = before.removesuffix('4"') + '5"'
    alice.delete(one)
    assert alice.list_tasks().headers["ETag"] == after
    assert alice.send("GET", "?status=done").headers["ETag"] == after


@promise(
    "docs/synchronization.md#conditional-requests",
    "`If-None-Match` with `GET` or `HEAD`: 304 without a body where nothing has changed since.",
)
@pytest.mark.parametrize("tag", ['"1"', 'W/"1"', '"0", "1"', "*"])
def test_what_is_known_is_not_sent_again(alice: Tasks, tag: str) -> None:
    where = "/" + alice.create()["id"]
    for method in ("GET", "HEAD"):
        answer = alice.send(method, where, If_None_Match=tag)
        assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", '"1"')
        assert answer.headers["Cache-Control"] == "private, no-cache"


@promise(
    "docs/synchronization.md#conditional-requests",
    'where the task has another version, 412 `{"detail": "Precondition failed"}` with the current `ETag`, and '
    "nothing is changed.",
)
@pytest.mark.parametrize("tag", ['"2"', "1", '"01"', '"1", 1', ""])
def test_what_is_not_known_is_sent(alice: Tasks, tag: str) -> None:
    where = "/" + alice.create()["id"]
    assert alice.send("GET", where, If_None_Match=tag).status_code == 200
    for method, path, body in (("PUT", where, {"title": "b"}), ("PATCH", f"{where}/complete", None)):
        answer = alice.send(method, path, body, If_Match=tag)
        assert (answer.status_code, answer.json()) == (412, {"detail": "Precondition failed"})
        assert answer.headers["ETag"] == '"1"'
    assert alice.send("DELETE", where, If_Match=tag).status_code == 412
    assert alice.get(where[1:]).json()["title"] == "Buy milk"


@promise("docs/synchronization.md#conditional-requests", "`*` matches whatever exists.")
@pytest.mark.parametrize("tag", ['"1"', 'W/"1"', '"7", "1"', "*"])
def test_a_change_of_the_known_version_is_made(alice: Tasks, tag: str) -> None:
    one = alice.create()["id"]
    assert alice.send("PUT", f"/{one}", {"title": "b"}, If_Match=tag).json()["title"] == "b"
    assert alice.send("PUT", "/nobody", {"title": "b"}, If_Match=tag).status_code == 404


@promise(
    "docs/synchronization.md#versions",
    'An answer with a list has `ETag: "<epoch>-<number>"`, with the number of the user\'s newest change, whatever '
    "the filters are.",
)
def test_a_list_that_is_known_is_not_sent_again(alice: Tasks) -> None:
    for _ in range(2):
        known = alice.list_tasks().headers["ETag"]
        for query in ("", "?status=done", "?limit=1"):
            answer = alice.send("GET", query, If_None_Match=known)
            assert (answer.status_code, answer.content) == (304, b"")
        alice.create()
        assert alice.send("GET", If_None_Match=known).status_code == 200


@promise("docs/synchronization.md#conditional-requests", "where the task has another version, 412")
def test_of_changes_that_race_one_wins(alice: Tasks) -> None:
    where = "/" + alice.create()["id"]

    def change(number: int) -> int:
        return alice.apart().send("PUT", where, {"title": str(number)}, If_Match='"1"').status_code

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(change, range(8))) == [200] + [412] * 7


@promise("docs/synchronization.md#changes", "Later, ask with the last `token`, and apply `tasks` and `deleted`.")
@pytest.mark.parametrize("limit", [1, 2, 1000])
def test_changes_that_are_applied_in_turn_give_the_tasks(alice: Tasks, limit: int) -> None:
    replica = Replica()
    replica.follow(alice, limit)
    assert replica.tasks == {}
    made = [alice.create(title)["id"] for title in "abcde"]
    replica.follow(alice, limit)
    alice.delete(made[0])
    alice.complete(made[1])
    made.append(alice.create("f")["id"])
    alice.delete(made[5])
    replica.follow(alice, limit)
    assert list(replica.tasks.values()) == alice.all()
    fresh = Replica()
    fresh.follow(alice, limit)
    assert sorted(fresh.tasks) == sorted(replica.tasks)


@promise("docs/synchronization.md#changes", "No change is ever skipped, even while other clients write.")
def test_no_change_is_skipped_while_others_write(alice: Tasks) -> None:
    def write(number: int) -> None:
        tasks = alice.apart()
        for _ in range(10):
            task_id = tasks.create(str(number))["id"]
            tasks.complete(task_id)
            if number % 2:
                tasks.delete(task_id)

    replica = Replica()
    with ThreadPoolExecutor(4) as pool:
        writers = [pool.submit(write, number) for number in range(4)]
        while not all(writer.done() for writer in writers):
            replica.follow(alice, 3)
        for writer in writers:
            writer.result()
    replica.follow(alice, 3)
    assert replica.tasks == {task["id"]: task for task in alice.all()}


@promise("docs/synchronization.md#changes", "The `ETag` of a list is also a token")
def test_a_tag_of_a_list_is_a_token_and_others_are_told_apart(alice: Tasks) -> None:
    alice.create("a")
    token = token_of(alice.list_tasks())
    alice.create("b")
    answer = alice.changes(f"?since={token}").json()
    assert ([task["title"] for task in answer["tasks"]], answer["deleted"], answer["has_more"]) == (["b"], [], False)
    epoch = token.rpartition("-")[0]
    for nonsense in ("x", "%00", f"{epoch}-", f"{epoch}-01"):
        answer = alice.changes(f"?since={nonsense}")
        assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["query", "since"])


@promise(
    "docs/synchronization.md#idempotency-keys",
    "A later one with the same key, method, path and meaning of the body, within 24 hours, changes nothing and "
    "gets the first answer with `Idempotent-Replayed: true`.",
)
def test_a_request_that_is_repeated_acts_once(alice: Tasks) -> None:
    first = alice.send("POST", body={"title": "a"}, Idempotency_Key="k")
    again = alice.send("POST", "/", {"title": " a ", "completed": False}, Idempotency_Key='"k"')
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    for name in ("ETag", "Location"):
        assert again.headers[name] == first.headers[name]
    assert (again.status_code, again.content) == (201, first.content)
    assert len(alice.all()) == 1

    where = f"/{first.json()['id']}/complete"
    done = alice.send("PATCH", where, Idempotency_Key="c")
    assert alice.send("PATCH", where, {}, Idempotency_Key="c").content == done.content
    alice.delete(first.json()["id"])
    assert alice.send("PATCH", where, Idempotency_Key="c").content == done.content


@promise(
    "docs/synchronization.md#idempotency-keys",
    "The same key with another request is 422 with `value_error.idempotency_key`.",
)
def test_a_key_is_for_one_request_of_one_user(alice: Tasks, bob: Tasks) -> None:
    alice.send("POST", body={"title": "a"}, Idempotency_Key="k")
    assert "Idempotent-Replayed" not in bob.send("POST", body={"title": "a"}, Idempotency_Key="k").headers
    for key, kind in (
        ("k", "value_error.idempotency_key"),
        ("", "value_error.any_str.min_length"),
        ("x" * 256, "value_error.any_str.max_length"),
        ("a b", "value_error.str.character"),
    ):
        answer = alice.send("POST", body={"title": "b"}, Idempotency_Key=key)
        assert answer.status_code == 422
        assert [(fault["loc"], fault["type"]) for fault in answer.json()["detail"]] == [
            (["header", "Idempotency-Key"], kind)
        ]
    assert len(alice.all()) == 1


@promise(
    "docs/synchronization.md#idempotency-keys",
    "An error stores nothing, so the request may be repeated with the same key.",
)
def test_an_error_stores_no_key(alice: Tasks) -> None:
    assert alice.send("POST", body={"title": ""}, Idempotency_Key="k").status_code == 422
    assert alice.send("POST", body={"title": "a"}, Idempotency_Key="k").status_code == 201


@promise("docs/synchronization.md#idempotency-keys", "One that comes while the first is under way waits for it.")
def test_of_repeated_requests_that_race_one_acts(alice: Tasks) -> None:
    where = f"/{alice.create()['id']}/complete"

    def complete(_: int) -> bytes:
        return alice.apart().send("PATCH", where, Idempotency_Key="k").content

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(complete, range(8)))) == 1
    assert alice.all()[0]["completed"] is True
