"""What an erasure leaves in the database: nothing, in any table."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import psycopg2
from flask import Flask

from app.database.embedded import SUPERUSER, EmbeddedServer
from tests.support.client import Tasks
from tests.support.commands import command
from tests.support.databases import connected
from tests.support.waiting import wait_for

TABLES = """
    SELECT table_name, column_name FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name <> 'alembic_version' ORDER BY 1
"""


def find(postgresql: EmbeddedServer, text: str) -> set[str]:
    """Return the tables in which the text stands in some column of some row."""
    with closing(psycopg2.connect(postgresql.url(SUPERUSER))) as connection:
        cursor = connection.cursor()
        cursor.execute(TABLES)
        found = set()
        for table, column in cursor.fetchall():
            cursor.execute(f'SELECT count(*) FROM "{table}" WHERE "{column}"::text LIKE %s', [f"%{text}%"])
            if cursor.fetchone() != (0,):
                found.add(table)
        return found


def fill(tasks: Tasks) -> None:
    """Leave a row in every table."""
    tasks.send("POST", body={"title": tasks.user_id, "description": tasks.user_id}, Idempotency_Key="k")
    tasks.delete(tasks.create(title=tasks.user_id)["id"])


def test_an_erasure_leaves_no_row_anywhere(alice: Tasks, postgresql: EmbeddedServer) -> None:
    fill(alice)
    assert find(postgresql, alice.user_id) >= {"tasks", "users", "deleted_tasks", "idempotency_keys"}
    path = alice.path.removesuffix("/tasks")
    assert alice.client.request("DELETE", path, headers={"If-Match": "*"}).status_code == 200
    assert find(postgresql, alice.user_id) == set()
    alice.client.request("DELETE", path, headers={"If-Match": "*"})
    assert find(postgresql, alice.user_id) == set()


def test_an_operator_exports_and_erases(app: Flask, alice: Tasks, postgresql: EmbeddedServer) -> None:
    fill(alice)
    url = app.config["DATABASE_URL"]
    for name, start in (("json", '{"user_id":'), ("csv", "id,user_id,"), ("ics", "BEGIN:VCALENDAR")):
        written = command("export", alice.user_id, "--format", name, DATABASE_URL=url)
        assert (written.exit_code, written.stdout.startswith(start)) == (0, True)
        assert written.stderr == f"1 tasks of {alice.user_id} were written.\n"
    asked = command("erase", alice.user_id, DATABASE_URL=url)
    assert asked.exit_code == 1
    assert len(alice.all()) == 1
    erased = command("erase", alice.user_id, "--yes", DATABASE_URL=url)
    assert (erased.exit_code, erased.stdout) == (0, f"All data of {alice.user_id} was erased.\n")
    assert find(postgresql, alice.user_id) == set()


def test_an_erasure_and_a_change_of_a_task_that_came_meanwhile_never_wait_for_each_other(
    alice: Tasks, postgresql: EmbeddedServer
) -> None:
    url = postgresql.url(SUPERUSER)
    path = alice.path.removesuffix("/tasks")

    def count(cursor: Any, sql: str) -> int:
        cursor.execute(sql)
        return int(cursor.fetchone()[0])

    with connected(url) as cursor, ThreadPoolExecutor(2) as pool:
        deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        before = count(cursor, deadlocks)
        for _ in range(10):
            alice.create()
            with closing(psycopg2.connect(url)) as writer:
                writer.cursor().execute("UPDATE users SET version = version WHERE user_id = %s", [alice.user_id])
                erased = pool.submit(alice.apart().client.request, "DELETE", path, headers={"If-Match": "*"})
                wait_for(lambda: count(cursor, waiting) == 1)
                cursor.execute("INSERT INTO tasks (user_id, title) VALUES (%s, 'Late') RETURNING id", [alice.user_id])
                changed = pool.submit(alice.apart().put, str(cursor.fetchone()[0]), {"title": "Changed"})
                wait_for(lambda: count(cursor, waiting) == 2)
            assert erased.result().status_code == 200
            assert changed.result().status_code in (200, 404)
            assert alice.all() == []
        assert count(cursor, deadlocks) == before
