"""What was deleted long ago is forgotten in the end, and a client that has not heard of it must begin anew."""

from collections.abc import Iterator
from typing import Any

import pytest

from app.database.embedded import SUPERUSER, EmbeddedServer
from app.tasks.statements import REMOVED_AT_ONCE
from tests.support.client import Tasks
from tests.support.databases import connected

DELETIONS = 300  # One in sixteen removes tombstones, so that many do not in one of 250 million runs.


@pytest.fixture
def database(postgresql: EmbeddedServer) -> Iterator[Any]:
    """A cursor of a role that sees the rows of all users."""
    with connected(postgresql.url(SUPERUSER)) as cursor:
        yield cursor


def let_pass(database: Any, tasks: Tasks, days: int) -> None:
    """Let days pass for what the user has deleted so far."""
    database.execute(
        "UPDATE deleted_tasks SET deleted_at = deleted_at - %s * interval '1 day' WHERE user_id = %s",
        (days, tasks.user_id),
    )


def token(tasks: Tasks) -> str:
    return str(tasks.changes().json()["token"])


def count_tombstones(database: Any, tasks: Tasks) -> int:
    database.execute("SELECT count(*) FROM deleted_tasks WHERE user_id = %s", (tasks.user_id,))
    ((count,),) = database.fetchall()
    return int(count)


def delete_until_some_are_forgotten(database: Any, tasks: Tasks) -> tuple[list[str], int]:
    """Delete new tasks. Return their ids, and how many tombstones the last deletion has removed."""
    deleted = []
    before = count_tombstones(database, tasks)
    for _ in range(DELETIONS):
        deleted.append(tasks.create()["id"])
        tasks.delete(deleted[-1])
        after = count_tombstones(database, tasks)
        if after <= before:
            return deleted, before + 1 - after
        before = after
    raise AssertionError(f"{DELETIONS} deletions have removed no tombstone")


def test_a_token_from_before_a_forgotten_deletion_has_expired(alice: Tasks, database: Any) -> None:
    ids = [alice.create(title)["id"] for title in "abc"]
    tokens = [token(alice)]
    for task_id, days in zip(ids[:2], (15, 17), strict=True):
        alice.delete(task_id)
        tokens.append(token(alice))
        let_pass(database, alice, days)
    # The first deletion is 32 days old by now, and the second 17.
    later, forgotten = delete_until_some_are_forgotten(database, alice)
    assert forgotten == 1
    tokens.append(token(alice))
    expired = alice.changes(f"?since={tokens[0]}")
    assert (expired.status_code, expired.json()) == (410, {"detail": "Sync token expired"})
    for since, deleted in ((1, [ids[1], *later]), (2, later), (3, [])):
        answer = alice.changes(f"?since={tokens[since]}").json()
        assert (answer["tasks"], answer["deleted"], answer["token"]) == ([], deleted, tokens[3])
    assert count_tombstones(database, alice) == len([ids[1], *later])


def test_many_old_deletions_are_removed_bit_by_bit(alice: Tasks, database: Any) -> None:
    for number in range(REMOVED_AT_ONCE + 8):
        alice.delete(alice.create(str(number))["id"])
    since = token(alice)
    let_pass(database, alice, 31)
    later: list[str] = []
    for removed in (REMOVED_AT_ONCE, 8):
        deleted, forgotten = delete_until_some_are_forgotten(database, alice)
        later += deleted
        assert forgotten == removed
    assert alice.changes(f"?since={since}").json()["deleted"] == later


def test_a_refused_deletion_removes_nothing(alice: Tasks, database: Any) -> None:
    first, second = alice.create("a")["id"], alice.create("b")["id"]
    since = token(alice)
    alice.delete(first)
    let_pass(database, alice, 31)
    for _ in range(DELETIONS):
        assert alice.send("DELETE", f"/{second}", If_Match='"99"').status_code == 412
        assert alice.delete(first).status_code == 404
    assert alice.changes(f"?since={since}").json()["deleted"] == [first]
