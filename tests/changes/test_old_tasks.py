"""A user whose tasks are all older than versions, as after an upgrade from 1.0: any request may be the first."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.database.embedded import SUPERUSER, EmbeddedServer
from tests.support.client import Tasks, token_of
from tests.support.databases import connected, following
from tests.support.service import running
from tests.support.waiting import wait_for

FIRST: dict[str, Callable[[Tasks, str], Any]] = {
    "list": lambda tasks, task_id: tasks.list_tasks(),
    "page": lambda tasks, task_id: tasks.send("GET", "?limit=1"),
    "changes": lambda tasks, task_id: tasks.changes(),
    "read": lambda tasks, task_id: tasks.get(task_id),
    "create": lambda tasks, task_id: tasks.post({"title": "new"}),
    "create once": lambda tasks, task_id: tasks.send("POST", body={"title": "new"}, Idempotency_Key="k"),
    "change": lambda tasks, task_id: tasks.put(task_id, {"title": "changed"}),
    "change in full": lambda tasks, task_id: tasks.send("PUT", f"/{task_id}?view=full", {"priority": "low"}),
    "complete": lambda tasks, task_id: tasks.complete(task_id),
    "complete once": lambda tasks, task_id: tasks.send("PATCH", f"/{task_id}/complete", Idempotency_Key="k"),
    "delete": lambda tasks, task_id: tasks.delete(task_id),
    "export": lambda tasks, task_id: tasks.client.get(f"/api/{tasks.user_id}/export"),
}


def add_old_tasks(server: EmbeddedServer, user_id: str) -> list[str]:
    """Add tasks as version 1.0 did, without a version and without a row of their user, and return their ids."""
    with connected(server.url(SUPERUSER)) as cursor:
        cursor.execute(
            """
            INSERT INTO tasks (user_id, id, title, created_at, updated_at)
            SELECT %s, uuidv7_at(now() + number * interval '1 millisecond'), 'old', now(), now()
            FROM generate_series(1, 3) AS number RETURNING id::text
            """,
            [user_id],
        )
        return [task_id for (task_id,) in cursor.fetchall()]


@pytest.fixture
def old_ids(alice: Tasks, postgresql: EmbeddedServer) -> list[str]:
    """The ids of such tasks of Alice."""
    return add_old_tasks(postgresql, alice.user_id)


@pytest.mark.parametrize("name", FIRST)
def test_any_request_may_be_the_first(alice: Tasks, old_ids: list[str], name: str) -> None:
    answer = FIRST[name](alice, old_ids[1])
    assert answer.status_code in (200, 201)
    everything = alice.list_tasks()
    expected = {"create": 4, "create once": 4, "delete": 2}.get(name, 3)
    assert len(everything.json()) == expected
    assert alice.send("GET", "?limit=1").headers["X-Total-Count"] == str(expected)
    assert alice.send("GET", If_None_Match=everything.headers["ETag"]).status_code == 304

    synchronized = alice.changes().json()
    assert sorted(synchronized["tasks"], key=lambda task: str(task["id"])) == everything.json()
    assert synchronized["token"] == token_of(everything)
    changed = alice.put(old_ids[0], {"title": "changed later"}).json()
    alice.delete(old_ids[2])
    after = alice.changes(f"?since={synchronized['token']}").json()
    assert (after["tasks"], after["deleted"]) == ([changed], [old_ids[2]])


def test_an_old_task_can_be_changed_under_a_condition(alice: Tasks, old_ids: list[str]) -> None:
    tag = alice.get(old_ids[0]).headers["ETag"]
    assert alice.send("PUT", f"/{old_ids[0]}", {"title": "a"}, If_Match=tag).status_code == 200
    assert alice.send("PUT", f"/{old_ids[0]}", {"title": "b"}, If_Match=tag).status_code == 412
    assert alice.send("DELETE", f"/{old_ids[1]}", If_Match='"1"').status_code == 412


@pytest.mark.usefixtures("old_ids")
def test_a_condition_that_matches_anything_gets_the_tag_of_the_list(alice: Tasks) -> None:
    answer = alice.send("GET", If_None_Match="*")
    assert (answer.status_code, answer.headers["ETag"]) == (304, alice.list_tasks().headers["ETag"])


def test_a_standby_gives_the_tasks_and_a_tag_that_matches_nothing(server: EmbeddedServer, tmp_path: Path) -> None:
    """It can't begin to count, so what it says must not be taken for an answer of the primary, which can."""
    with (
        running(tmp_path / "primary", DATABASE_URL=server.url()) as primary,
        following(server, tmp_path) as standby,
        running(tmp_path / "replica", DATABASE_URL=standby.url()) as replica,
    ):
        ids = add_old_tasks(server, "alice")
        alice, mirrored = primary.of("alice"), replica.of("alice")
        wait_for(lambda: len(mirrored.all()) == len(ids))
        for query in ("", "?limit=2"):
            listed = mirrored.send("GET", query)
            for seen in ('"0-0"', listed.headers["ETag"]):
                answer = mirrored.send("GET", query, If_None_Match=seen)
                assert (answer.status_code, answer.json()) == (200, listed.json())
        changes = mirrored.changes("?limit=1").json()
        assert (changes["tasks"], changes["deleted"], changes["has_more"]) == (mirrored.all(), [], False)
        assert len(replica.get("/api/alice/export").json()["tasks"]) == len(ids)

        alice.delete(ids[0])
        for token in (changes["token"], token_of(listed)):
            assert alice.send("GET", If_None_Match=f'"{token}"').status_code == 200
            expired = alice.changes(f"?since={token}")
            assert (expired.status_code, expired.json()) == (410, {"detail": "Sync token expired"})
        wait_for(lambda: mirrored.all() == alice.all())
        assert mirrored.list_tasks().headers["ETag"] == alice.list_tasks().headers["ETag"]
