"""What was deleted long ago is forgotten in the end, and a client that has not heard of it must begin anew."""

from collections.abc import Iterator
from typing import Any

import pytest

from app.database.embedded import SUPERUSER, EmbeddedServer
from tests.support.client import Tasks
from tests.support.databases import connected


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


def test_a_token_from_before_a_forgotten_deletion_has_expired(alice: Tasks, database: Any) -> None:
    ids = [alice.create(title)["id"] for title in "abcd"]
    tokens = [token(alice)]
    for task_id, days in zip(ids[:3], (15, 17, 0), strict=True):
        alice.delete(task_id)
        tokens.append(token(alice))
        let_pass(database, alice, days)
    # The first deletion is 32 days old by now, and the third one has removed it; the second is 17 days old.
    expired = alice.changes(f"?since={tokens[0]}")
    assert (expired.status_code, expired.json()) == (410, {"detail": "Sync token expired"})
    for since, deleted in ((1, ids[1:3]), (2, ids[2:3]), (3, [])):
        answer = alice.changes(f"?since={tokens[since]}").json()
        assert (answer["tasks"], answer["deleted"], answer["token"]) == ([], deleted, tokens[3])
    database.execute("SELECT count(*) FROM deleted_tasks WHERE user_id = %s", (alice.user_id,))
    assert database.fetchone() == (2,)


def test_many_old_deletions_are_removed_bit_by_bit(alice: Tasks, database: Any) -> None:
    ids = [alice.create(str(number))["id"] for number in range(30)]
    for task_id in ids[:28]:
        alice.delete(task_id)
    since = token(alice)
    let_pass(database, alice, 31)
    for task_id, left in zip(ids[28:], (28 - 20 + 1, 2), strict=True):
        alice.delete(task_id)
        database.execute("SELECT count(*) FROM deleted_tasks WHERE user_id = %s", (alice.user_id,))
        assert database.fetchone() == (left,)
    assert alice.changes(f"?since={since}").json()["deleted"] == ids[28:]


def test_a_refused_deletion_removes_nothing(alice: Tasks, database: Any) -> None:
    first, second = alice.create("a")["id"], alice.create("b")["id"]
    since = token(alice)
    alice.delete(first)
    let_pass(database, alice, 31)
    assert alice.send("DELETE", f"/{second}", If_Match='"99"').status_code == 412
    assert alice.delete(first).status_code == 404
    assert alice.changes(f"?since={since}").json()["deleted"] == [first]
