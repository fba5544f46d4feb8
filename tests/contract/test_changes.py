"""What happened since a token: the shape of an answer, its order, its pages, and tokens of all kinds."""

import pytest

from tests.support.client import FIELDS, Tasks, token_of
from tests.support.promises import promise

pytestmark = pytest.mark.part2


@promise("docs/synchronization.md#changes", "Ask without `since`: every task is in the answer.")
def test_without_a_token_every_task_is_in_the_answer(alice: Tasks) -> None:
    assert alice.changes().json()["tasks"] == []
    kept, gone = alice.create("a"), alice.create("b")
    alice.delete(gone["id"])
    for query in ("", "?since="):
        answer = alice.changes(query)
        tag = token_of(alice.list_tasks())
        assert answer.status_code == 200
        assert answer.json() == {"tasks": [kept], "deleted": [], "token": tag, "has_more": False}


@promise("docs/synchronization.md#changes", "`tasks` are the tasks as they are now, in the order of their last change.")
def test_tasks_are_in_the_order_of_their_last_change(alice: Tasks) -> None:
    first, second = alice.create("a"), alice.create("b")
    changed = alice.put(first["id"], {"title": "c"}).json()
    assert alice.changes().json()["tasks"] == [second, changed]


@promise("docs/synchronization.md#changes", "`deleted` are ids.")
def test_deletions_are_told_by_their_ids(alice: Tasks) -> None:
    gone = alice.create("a")
    token = alice.changes().json()["token"]
    kept = alice.create("b")
    alice.delete(gone["id"])
    answer = alice.changes(f"?since={token}").json()
    assert (answer["tasks"], answer["deleted"], answer["has_more"]) == ([kept], [gone["id"]], False)
    nothing = alice.changes(f"?since={answer['token']}").json()
    assert nothing == {"tasks": [], "deleted": [], "token": answer["token"], "has_more": False}


@promise("docs/synchronization.md#changes", "counts tasks and deletions together")
def test_a_page_counts_tasks_and_deletions_together(alice: Tasks) -> None:
    tasks = [alice.create(title) for title in "abcde"]
    token = token_of(alice.list_tasks())
    alice.put(tasks[0]["id"], {"title": "A"})
    alice.delete(tasks[1]["id"])
    alice.put(tasks[2]["id"], {"title": "C"})
    seen = []
    for more in (True, False):
        answer = alice.changes(f"?since={token}&limit=2").json()
        token = answer["token"]
        seen.append(([task["title"] for task in answer["tasks"]], answer["deleted"]))
        assert answer["has_more"] is more
    assert seen == [(["A"], [tasks[1]["id"]]), (["C"], [])]


@promise("docs/full-task.md#the-full-task", "A client asks for it with `?view=full` on any request that carries tasks")
def test_changes_have_the_view_that_is_asked_for(alice: Tasks) -> None:
    task = alice.send("POST", "?view=full", {"title": "a", "priority": "low"}).json()
    assert alice.changes("?view=full").json()["tasks"] == [task]
    for query in ("", "?view=basic"):
        assert [set(one) for one in alice.changes(query).json()["tasks"]] == [FIELDS]


@promise(
    "docs/synchronization.md#changes",
    "The `ETag` of a list is also a token, without its quotes and without a `W/` before them.",
)
def test_the_tag_of_an_empty_list_is_a_token(alice: Tasks) -> None:
    token = token_of(alice.list_tasks())
    assert alice.changes(f"?since={token}").json()["tasks"] == []
    task = alice.create()
    assert alice.changes(f"?since={token}").json()["tasks"] == [task]


@promise("docs/synchronization.md#changes", '410 `{"detail": "Sync token expired"}`')
def test_a_token_of_another_user_is_none(alice: Tasks, bob: Tasks) -> None:
    alice.create()
    bob.create()
    answer = alice.changes(f"?since={bob.changes().json()['token']}")
    assert (answer.status_code, answer.json()) == (410, {"detail": "Sync token expired"})


@promise("docs/synchronization.md#changes", '410 `{"detail": "Sync token expired"}`')
def test_a_token_of_another_epoch_is_expired(alice: Tasks) -> None:
    alice.create()
    for epoch in ("0123456789abcdef", "A.b_c~-", "7"):
        answer = alice.changes(f"?since={epoch}-1")
        assert (answer.status_code, answer.json()) == (410, {"detail": "Sync token expired"})


@promise("docs/synchronization.md#changes", "gets an empty page and the same token")
@pytest.mark.parametrize("further", [5, 2**63, 10**30])
def test_a_token_that_is_ahead_is_kept(alice: Tasks, further: int) -> None:
    alice.create()
    epoch, _, number = alice.changes().json()["token"].rpartition("-")
    ahead = f"{epoch}-{int(number) + further}"
    assert alice.changes(f"?since={ahead}").json() == {"tasks": [], "deleted": [], "token": ahead, "has_more": False}


@promise("docs/api.md#faults", "a cursor, or a token, that the service did not make for this request")
def test_what_is_no_token_is_refused(alice: Tasks) -> None:
    alice.create()
    token = alice.changes().json()["token"]
    for nonsense in ("made-up", f'"{token}"', f"{token} ", f"{token}x", token.rpartition("-")[0], "1"):
        answer = alice.client.request("GET", alice.path.removesuffix("tasks") + "changes", params={"since": nonsense})
        assert (answer.status_code, answer.json()["detail"][0]["type"]) == (422, "value_error.cursor"), nonsense
