"""Leaving: everything of a user is erased, under a condition, and nothing comes back."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.support.client import Tasks, token_of
from tests.support.promises import promise

pytestmark = pytest.mark.part2

ERASED = {"message": "All data of the user was erased"}


def erase(tasks: Tasks, if_match: str | None = "*") -> requests.Response:
    headers = {} if if_match is None else {"If-Match": if_match}
    return tasks.client.request("DELETE", tasks.path.removesuffix("/tasks"), headers=headers)


@promise("docs/full-task.md#export-and-erasure", "erases everything that is kept of the user")
def test_an_erasure_leaves_nothing_of_this_user(alice: Tasks, bob: Tasks) -> None:
    kept = bob.create()
    created = alice.send("POST", body={"title": "a"}, Idempotency_Key="k").json()
    alice.delete(alice.create()["id"])
    answer = erase(alice, alice.list_tasks().headers["ETag"])
    assert (answer.status_code, answer.json()) == (200, ERASED)
    assert alice.all() == []
    assert alice.get(created["id"]).status_code == 404
    assert alice.changes().json()["tasks"] == []
    again = alice.send("POST", body={"title": "a"}, Idempotency_Key="k")
    assert (again.status_code, "Idempotent-Replayed" in again.headers) == (201, False)
    assert bob.all() == [kept]


@promise("docs/full-task.md#export-and-erasure", 'Without `If-Match` it is 428 `{"detail": "If-Match is required"}`.')
def test_an_erasure_needs_a_condition(alice: Tasks) -> None:
    task = alice.create()
    answer = erase(alice, None)
    assert (answer.status_code, answer.json()) == (428, {"detail": "If-Match is required"})
    assert alice.all() == [task]


@promise("docs/full-task.md#export-and-erasure", "With another tag it is 412, and nothing is erased.")
def test_an_erasure_needs_the_newest_tag(alice: Tasks) -> None:
    alice.create()
    old = alice.list_tasks().headers["ETag"]
    alice.create()
    for tag in (old, '"1"', "nonsense", "", token_of(alice.list_tasks())):
        answer = erase(alice, tag)
        assert (answer.status_code, answer.json()) == (412, {"detail": "Precondition failed"}), tag
        assert answer.headers["ETag"].removeprefix("W/") == alice.list_tasks().headers["ETag"].removeprefix("W/")
    assert len(alice.all()) == 2
    assert erase(alice, f'"x", {alice.list_tasks().headers["ETag"]}').status_code == 200


@promise("docs/full-task.md#export-and-erasure", "Tokens from before an erasure are answered 410.")
def test_tokens_from_before_an_erasure_are_expired(alice: Tasks) -> None:
    alice.create()
    token, tag = alice.changes().json()["token"], alice.list_tasks().headers["ETag"]
    erase(alice)
    assert alice.changes(f"?since={token}").status_code == 410
    task = alice.create()
    assert alice.changes(f"?since={token}").status_code == 410
    assert alice.send("GET", If_None_Match=tag).json() == [task]


@promise("docs/full-task.md#export-and-erasure", "The user may begin anew at any time.")
def test_a_user_who_has_nothing_can_be_erased(alice: Tasks) -> None:
    tag = alice.list_tasks().headers["ETag"]
    for if_match in ("*", tag):
        answer = erase(alice, if_match)
        assert (answer.status_code, answer.json()) == (200, ERASED)
    assert alice.list_tasks().headers["ETag"] == tag
    alice.create()
    assert erase(alice, tag).status_code == 412
    assert erase(alice).json() == ERASED
    assert alice.create()["title"] == alice.all()[0]["title"]


@promise("docs/full-task.md#export-and-erasure", "for good and in one transaction")
def test_an_erasure_races_with_writers_and_loses_no_count(alice: Tasks) -> None:
    def write(number: int) -> int:
        tasks = alice.apart()
        created = tasks.post({"title": f"{number}"})
        changed = tasks.put(created.json()["id"], {"title": "changed"})
        return max(created.status_code, changed.status_code)

    def erase_all(_: int) -> int:
        return erase(alice.apart()).status_code

    with ThreadPoolExecutor(8) as pool:
        erasures = pool.map(erase_all, range(6))
        writes = pool.map(write, range(24))
        assert set(erasures) == {200}
        assert set(writes) <= {201, 404}
    left = alice.list_tasks()
    assert sorted(alice.changes().json()["tasks"], key=lambda task: str(task["id"])) == left.json()
    assert int(left.headers["X-Total-Count"]) == len(left.json())
    assert erase(alice, left.headers["ETag"]).json() == ERASED
    assert alice.all() == []
