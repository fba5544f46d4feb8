"""Erasing everything of a user: what it needs, and what is left."""

import threading
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from tests.support.client import Client, Tasks, token_of
from tests.support.promises import promise
from tests.support.replica import Replica

pytestmark = pytest.mark.part2

ERASED = {"message": "All data of the user was erased"}
FAILED = {"detail": "Precondition failed"}
ERASURES = 25


@promise("docs/export-and-erasure.md#erasure", "removes everything that is kept of the user, for good")
@pytest.mark.parametrize("how", ["the tag", "weak", "one of two", "*"])
def test_everything_of_the_user_is_erased_and_nothing_else(alice: Tasks, bob: Tasks, how: str) -> None:
    kept = bob.create()
    tasks = [alice.create(), alice.create()]
    alice.delete(tasks[1]["id"])
    tag = alice.list_tasks().headers["ETag"].removeprefix("W/")
    accepted = {"the tag": tag, "weak": f"W/{tag}", "one of two": f'"x-1", {tag}', "*": "*"}[how]
    answer = alice.erase(accepted)
    assert (answer.status_code, answer.json()) == (200, ERASED)
    assert answer.headers["Cache-Control"] == "no-store"
    assert alice.all() == []
    assert alice.get(tasks[0]["id"]).status_code == 404
    assert token_of(alice.list_tasks()) == token_of(alice.client.of(f"nobody-{uuid4()}").list_tasks())
    assert alice.changes().json()["deleted"] == []
    assert bob.all() == [kept]


@promise("docs/export-and-erasure.md#erasure", '428 `{"detail": "If-Match is required"}`')
def test_without_a_condition_nothing_is_erased(alice: Tasks) -> None:
    task = alice.create()
    answer = alice.erase(None)
    assert (answer.status_code, answer.json()) == (428, {"detail": "If-Match is required"})
    assert alice.all() == [task]


@promise("docs/export-and-erasure.md#erasure", '412 `{"detail": "Precondition failed"}` with the current `ETag`')
@pytest.mark.parametrize("sent", ['"0-0"', "old", "no quotes", '"1"', "", '"*"', '"x-1",,', '*, "x"'])
def test_with_another_tag_nothing_is_erased(alice: Tasks, sent: str) -> None:
    task = alice.create()
    old = alice.list_tasks().headers["ETag"].removeprefix("W/")
    changed = alice.put(task["id"], {"title": "Changed"}).json()
    current = token_of(alice.list_tasks())
    answer = alice.erase({"old": old, "no quotes": current}.get(sent, sent))
    assert (answer.status_code, answer.json()) == (412, FAILED)
    assert token_of(answer) == token_of(alice.list_tasks()) == current
    assert alice.all() == [changed]
    assert alice.erase(f'"{current}"').json() == ERASED


@promise("docs/export-and-erasure.md#erasure", "A user who has nothing can be erased too")
def test_a_user_who_has_nothing_can_be_erased(alice: Tasks) -> None:
    refused = alice.erase('"x-1"')
    assert (refused.status_code, token_of(refused)) == (412, "0-0")
    for accepted in ('"0-0"', "*", "*"):
        assert alice.erase(accepted).json() == ERASED
    assert token_of(alice.list_tasks()) == "0-0"


@promise("docs/synchronization.md#after-an-erasure", "Its token is answered 410.")
def test_a_client_that_synchronizes_notices_an_erasure(alice: Tasks) -> None:
    task = alice.create()
    tokens = [alice.changes().json()["token"]]
    alice.delete(alice.create()["id"])
    tokens.append(token_of(alice.list_tasks()))
    alice.erase("*")
    for _ in range(2):
        for token in tokens:
            answer = alice.changes(f"?since={token}")
            assert (answer.status_code, answer.json()) == (410, {"detail": "Sync token expired"})
            assert alice.send("GET", If_None_Match=f'"{token}"').status_code == 200
        assert alice.send("PUT", f"/{task['id']}", {"title": "x"}, If_Match="*").status_code == 404
        new = alice.create("New")
        assert new in alice.changes().json()["tasks"]
    assert token_of(alice.list_tasks()).partition("-")[0] not in {token.partition("-")[0] for token in tokens}


@promise("docs/synchronization.md#after-an-erasure", "A key is unknown again")
def test_keys_are_erased(alice: Tasks) -> None:
    first = alice.send("POST", "", {"title": "a"}, Idempotency_Key="k")
    alice.erase("*")
    second = alice.send("POST", "", {"title": "b"}, Idempotency_Key="k")
    assert second.status_code == 201
    assert "Idempotent-Replayed" not in second.headers
    assert second.json()["id"] != first.json()["id"]
    assert alice.all() == [second.json()]


@promise("docs/export-and-erasure.md#erasure", "in one transaction")
def test_erasures_race_with_writers_and_readers(alice: Tasks) -> None:
    """Whatever is there at the end was created after the last erasure, and counted from the beginning."""
    is_over = threading.Event()

    def write(number: int) -> set[int]:
        mine, statuses = alice.apart(), set()
        while not is_over.is_set():
            key = {"Idempotency_Key": str(uuid4())} if number % 2 else {}
            created = mine.send("POST", "", {"title": str(number)}, **key)
            task_id = created.json()["id"]
            answers = [created, mine.complete(task_id), mine.put(task_id, {"title": "Changed"})]
            if number % 3 == 0:
                answers.append(mine.delete(task_id))
            statuses |= {answer.status_code for answer in answers}
        return statuses

    def poll() -> Replica:
        replica, tasks = Replica(), alice.apart()
        while not is_over.is_set():
            replica.follow(tasks)
        return replica

    with ThreadPoolExecutor(20) as pool:
        writers = [pool.submit(write, number) for number in range(16)]
        pollers = [pool.submit(poll) for _ in range(2)]
        try:
            erasures = [alice.erase("*").status_code for _ in range(ERASURES)]
        finally:
            is_over.set()
        found = [writer.result() for writer in writers]
        replicas = [poller.result() for poller in pollers]
    assert erasures == [200] * ERASURES
    assert set().union(*found) <= {200, 201, 404}
    token, tasks = token_of(alice.list_tasks()), alice.all()
    for replica in replicas:
        replica.follow(alice)
        assert replica.tasks == {task["id"]: task for task in tasks}
    assert int(token.partition("-")[2]) >= len(tasks)
    assert alice.erase(f'"{token}"').json() == ERASED
    assert alice.export().json()["count"] == 0


@promise("docs/authentication.md#answers", "there is no bearer token")
def test_an_erasure_is_locked(locked: Client, secret: str) -> None:
    user_id = f"alice-{uuid4()}"
    assert locked.of(user_id).erase("*").status_code == 401
    mine = Client(locked.url, secret).of(user_id)
    mine.create()
    assert mine.erase("*").json() == ERASED
    assert mine.all() == []
