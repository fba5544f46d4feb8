"""Versions and conditional requests, in detail: which answers have a tag, and what comes before a condition."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.client import Tasks
from tests.support.promises import promise

pytestmark = pytest.mark.part2


@promise("docs/synchronization.md#versions", 'An answer with one task has `ETag: "<number>"`.')
def test_each_answer_with_a_task_has_its_version(alice: Tasks) -> None:
    created = alice.send("POST", "?view=full", {"title": "a"})
    task_id = created.json()["id"]
    for number, answer in enumerate(
        (
            created,
            alice.send("PUT", f"/{task_id}?view=full", {"title": "b"}),
            alice.send("PATCH", f"/{task_id}?view=full", {"title": "c"}),
            alice.send("PATCH", f"/{task_id}/complete?view=full"),
        ),
        start=1,
    ):
        assert (answer.headers["ETag"], answer.json()["version"]) == (f'"{number}"', number)
        assert answer.headers["Cache-Control"] == "private, no-cache"
    for method in ("GET", "HEAD"):
        assert alice.send(method, f"/{task_id}").headers["ETag"] == '"4"'


@promise("docs/synchronization.md#versions", "A write that sets what is already so is a change like any other.")
def test_what_is_set_again_is_a_change(alice: Tasks) -> None:
    task = alice.create(completed=True)
    for where, body in (("", {"title": task["title"]}), ("/complete", {"completed": True})):
        answer = alice.send("PATCH", f"/{task['id']}{where}", body)
        assert answer.json() == {**task, "updated_at": answer.json()["updated_at"]}
        assert answer.json()["updated_at"] > task["updated_at"]
        task = answer.json()
    assert alice.get(task["id"]).headers["ETag"] == '"3"'


@promise("docs/synchronization.md#versions", "or one that ends in an error, takes no number")
def test_what_changes_nothing_takes_no_number(alice: Tasks, bob: Tasks) -> None:
    task = alice.send("POST", body={"title": "a"}, Idempotency_Key="k").json()
    tag = alice.list_tasks().headers["ETag"]
    where = f"/{task['id']}"
    for answer, status in (
        (alice.put(task["id"], {}), 200),
        (alice.put(task["id"], {"title": ""}), 422),
        (alice.send("PUT", where, {"title": "b"}, If_Match='"99"'), 412),
        (alice.send("DELETE", where, If_Match='"99"'), 412),
        (alice.send("POST", body={"title": "a"}, Idempotency_Key="k"), 201),
        (alice.delete("nonsense"), 404),
        (bob.delete(task["id"]), 404),
    ):
        assert answer.status_code == status
        assert alice.list_tasks().headers["ETag"] == tag
    assert alice.all() == [task]


@promise(
    "docs/synchronization.md#versions", "has the next number of that user, in the order of the commits and without gaps"
)
def test_the_numbers_of_changes_that_race_have_no_gaps(alice: Tasks) -> None:
    def work(number: int) -> list[str]:
        tasks = alice.apart()
        task = tasks.post({"title": str(number)})
        done = tasks.complete(task.json()["id"])
        return [task.headers["ETag"], done.headers["ETag"]]

    with ThreadPoolExecutor(8) as pool:
        tags = [tag for pair in pool.map(work, range(8)) for tag in pair]
    assert sorted(tags, key=lambda tag: int(tag.strip('"'))) == [f'"{number}"' for number in range(1, 17)]
    assert alice.list_tasks().headers["ETag"].endswith('-16"')


@promise("docs/synchronization.md#versions", "The epoch is a random text, made with the first change.")
def test_each_user_has_an_epoch(alice: Tasks, bob: Tasks) -> None:
    tags = []
    for tasks in (alice, bob):
        tasks.create()
        tag = re.fullmatch(r'"([A-Za-z0-9._~-]+)-1"', tasks.list_tasks().headers["ETag"])
        assert tag
        tags.append(tag[1])
    assert tags[0] != tags[1]
    alice.create()
    assert alice.list_tasks().headers["ETag"] == f'"{tags[0]}-2"'


@promise("docs/synchronization.md#conditional-requests", "304 without a body where nothing has changed since")
def test_a_list_knows_several_tags_and_weak_ones(alice: Tasks) -> None:
    for _ in range(2):
        tag = alice.list_tasks().headers["ETag"]
        for seen in (tag, f"W/{tag}", f'"other", {tag}', "*"):
            for method in ("GET", "HEAD"):
                answer = alice.send(method, If_None_Match=seen)
                assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", tag)
        for unseen in ('"other"', '"*"', tag.strip('"'), ""):
            assert alice.send("GET", If_None_Match=unseen).status_code == 200
        alice.create()


@promise("docs/synchronization.md#conditional-requests", "A header that is malformed, such as `5` without quotes")
@pytest.mark.parametrize(
    ("tags", "matches"),
    [('"other", "1"', True), ('"1","2-3"', True), ('"0", W/"1"', True), ('"05", "1"', False), ('"1" "2"', False)],
)
def test_one_malformed_tag_spoils_a_list_and_an_unknown_one_does_not(alice: Tasks, tags: str, matches: bool) -> None:
    where = f"/{alice.create()['id']}"
    assert alice.send("GET", where, If_None_Match=tags).status_code == (304 if matches else 200)
    assert alice.send("PUT", where, {"title": "b"}, If_Match=tags).status_code == (200 if matches else 412)


@promise("docs/synchronization.md#conditional-requests", "where the task has another version, 412")
@pytest.mark.parametrize(
    ("method", "where", "body"),
    [
        ("PUT", "", {"title": "b"}),
        ("PATCH", "", {"title": "b"}),
        ("PUT", "", {}),
        ("PATCH", "/complete", None),
        ("PATCH", "/complete", {"completed": True}),
        ("DELETE", "", None),
    ],
)
def test_every_write_obeys_a_condition(alice: Tasks, method: str, where: str, body: dict[str, object] | None) -> None:
    task = alice.create()
    alice.put(task["id"], {"title": "a"})
    path = f"/{task['id']}{where}"
    stale = alice.send(method, path, body, If_Match='"1"')
    assert (stale.status_code, stale.json()) == (412, {"detail": "Precondition failed"})
    assert stale.headers["ETag"] == '"2"'
    assert alice.get(task["id"]).headers["ETag"] == '"2"'
    assert alice.send(method, path, body, If_Match='"2"').status_code == 200


@promise(
    "docs/synchronization.md#conditional-requests",
    "A task that does not exist is 404 all the same, and a bad body 422.",
)
def test_what_is_wrong_besides_comes_before_a_condition(alice: Tasks, bob: Tasks) -> None:
    task = alice.create()
    for tag in ('"99"', "*"):
        for method, body in (("PUT", {"title": "b"}), ("PATCH", {}), ("DELETE", None)):
            assert bob.send(method, f"/{task['id']}", body, If_Match=tag).status_code == 404
        assert alice.send("PUT", f"/{task['id']}", {"title": ""}, If_Match=tag).status_code == 422


@promise("docs/api.md#headers", "below `/api/`: `private, no-cache` with an `ETag`, `no-store` otherwise")
def test_what_has_no_tag_is_not_kept(alice: Tasks) -> None:
    task = alice.create()
    assert alice.list_tasks().headers["Cache-Control"] == "private, no-cache"
    for answer in (alice.get("x"), alice.post({}), alice.delete(task["id"]), alice.changes()):
        assert "ETag" not in answer.headers
        assert answer.headers["Cache-Control"] == "no-store"
