"""Tokens that a client can't make, but a replica that lags may get."""

from tests.support.client import Tasks


def test_a_run_of_pages_goes_on_where_a_replica_lags(alice: Tasks) -> None:
    """The client reads the first page from a server that has more than the next one to answer."""
    task = alice.create()
    epoch, _, number = alice.changes().json()["token"].rpartition("-")
    inside = f"{epoch}-{int(number) + 1}-{int(number) + 2}"
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
    inside = f"{epoch}-0-2"
    assert alice.changes(f"?since={inside}").json() == {"tasks": [], "deleted": [], "token": inside, "has_more": True}
    alice.delete(task["id"])
    answer = alice.changes(f"?since={inside}").json()
    assert (answer["tasks"], answer["has_more"]) == ([], False)
