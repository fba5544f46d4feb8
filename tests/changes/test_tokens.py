"""Tokens that a client can't make, but a replica that lags may get."""

from tests.support.client import Tasks, token_of


def test_a_run_of_pages_goes_on_where_a_replica_lags(alice: Tasks) -> None:
    """The client reads the first page from a server that has more than the next one to answer."""
    task = alice.create()
    epoch, _, number = alice.changes().json()["token"].rpartition("-")
    inside = f"{epoch}-{int(number) + 1}-{int(number) + 2}-{int(number) + 2}"
    answer = alice.changes(f"?since={inside}")
    assert (answer.status_code, answer.json()) == (
        200,
        {"tasks": [], "deleted": [], "token": inside, "has_more": True},
    )
    alice.complete(task["id"])
    alice.complete(task["id"])
    done = alice.complete(task["id"]).json()
    assert alice.changes(f"?since={inside}").json() == {
        "tasks": [done],
        "deleted": [],
        "token": alice.changes().json()["token"],
        "has_more": False,
    }


def test_a_replica_adds_nothing_to_a_run_of_pages_that_began_beyond_it(alice: Tasks) -> None:
    """It may still have tasks that were deleted before the run began, which no later page tells."""
    task = alice.create()
    epoch = alice.changes().json()["token"].rpartition("-")[0]
    inside = f"{epoch}-0-2-2"
    assert alice.changes(f"?since={inside}").json() == {"tasks": [], "deleted": [], "token": inside, "has_more": True}
    alice.delete(task["id"])
    answer = alice.changes(f"?since={inside}").json()
    assert (answer["tasks"], answer["has_more"]) == ([], False)


def test_a_replica_adds_nothing_to_a_run_of_pages_that_has_met_a_newer_state(alice: Tasks) -> None:
    """It may have an older change of a task than the one that the first page has left to later pages."""
    tasks = [alice.create(title) for title in "abc"]
    page = alice.changes(f"?since={token_of(alice.list_tasks())[:-1]}0&limit=1").json()
    assert (page["tasks"], page["has_more"]) == (tasks[:1], True)
    *others, newest = page["token"].split("-")
    ahead = "-".join([*others, str(int(newest) + 1)])
    answer = alice.changes(f"?since={ahead}").json()
    assert answer == {"tasks": [], "deleted": [], "token": ahead, "has_more": True}
    changed = alice.put(tasks[1]["id"], {"title": "B"}).json()
    answer = alice.changes(f"?since={ahead}").json()
    assert (answer["tasks"], answer["has_more"]) == ([tasks[2], changed], False)
