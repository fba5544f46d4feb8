"""`flask export` and `flask erase`, and that nothing of a user is left."""

import json
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from icalendar import Calendar

from app.database.embedded import SUPERUSER, EmbeddedServer
from app.extensions import db
from tests.support.client import Tasks
from tests.support.commands import command, flask
from tests.support.databases import connected

ERASED = "All data of {} was erased.\n"


def rows_of(server: EmbeddedServer, user_id: str) -> dict[str, int]:
    """Return how many rows each table with a column `user_id` has of that user, as the catalogue lists the tables."""
    with connected(server.url(SUPERUSER)) as cursor:
        cursor.execute(
            "SELECT table_schema || '.' || table_name FROM information_schema.columns"
            " JOIN information_schema.tables USING (table_schema, table_name)"
            " WHERE column_name = 'user_id' AND table_type = 'BASE TABLE'"
        )
        found = {}
        for (table,) in cursor.fetchall():
            cursor.execute(f"SELECT count(*) FROM {table} WHERE user_id = %s", (user_id,))
            found[table.removeprefix("public.")] = cursor.fetchone()[0]
        return found


def other_columns(server: EmbeddedServer, text: str) -> list[str]:
    """Return all tables that have the text in any column of any row."""
    with connected(server.url(SUPERUSER)) as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        found = []
        for (table,) in cursor.fetchall():
            cursor.execute(f"SELECT count(*) FROM {table} AS t WHERE strpos(t::text, %s) > 0", (text,))
            found += [table] * bool(cursor.fetchone()[0])
        return found


def leave_traces(alice: Tasks) -> None:
    """Have each table keep something of the user."""
    for n in range(3):
        alice.send("POST", "?view=full", {"title": "Buy milk", "tags": ["a"]}, Idempotency_Key=f"key-{n}")
    alice.delete(alice.all()[0]["id"])


@pytest.fixture(params=["request", "command"])
def erase(request: pytest.FixtureRequest, app: Flask) -> Any:
    def erase(tasks: Tasks) -> None:
        if request.param == "request":
            assert tasks.erase("*").status_code == 200
        else:
            result = command("erase", "--yes", tasks.user_id, DATABASE_URL=app.config["DATABASE_URL"])
            assert (result.exit_code, result.output) == (0, ERASED.format(tasks.user_id))

    return erase


def test_no_table_has_anything_of_a_user_who_was_erased(
    alice: Tasks, bob: Tasks, postgresql: EmbeddedServer, erase: Any
) -> None:
    leave_traces(alice)
    leave_traces(bob)
    of_bob = rows_of(postgresql, bob.user_id)
    found = rows_of(postgresql, alice.user_id)
    assert set(found) >= {table for table in db.metadata.tables if "user_id" in db.metadata.tables[table].c}
    assert min(rows for table, rows in found.items() if table in db.metadata.tables) > 0, "a table is not tested"
    erase(alice)
    assert set(rows_of(postgresql, alice.user_id).values()) == {0}
    assert other_columns(postgresql, alice.user_id) == []
    assert rows_of(postgresql, bob.user_id) == of_bob


def test_tasks_that_are_older_than_versions_are_erased(alice: Tasks, postgresql: EmbeddedServer, erase: Any) -> None:
    with connected(postgresql.url(SUPERUSER)) as cursor:
        cursor.execute(
            "INSERT INTO tasks (user_id, title) SELECT %s, 'Old' FROM generate_series(1, 3)", (alice.user_id,)
        )
    refused = alice.erase('"0-0"')
    assert (refused.status_code, refused.headers["ETag"]) == (412, alice.list_tasks().headers["ETag"])
    assert len(alice.all()) == 3
    erase(alice)
    assert set(rows_of(postgresql, alice.user_id).values()) == {0}


def test_tasks_that_are_older_than_versions_are_exported(alice: Tasks, postgresql: EmbeddedServer) -> None:
    with connected(postgresql.url(SUPERUSER)) as cursor:
        cursor.execute("INSERT INTO tasks (user_id, title) VALUES (%s, 'Old')", (alice.user_id,))
    export = alice.export().json()
    assert (export["count"], f'"{export["token"]}"') == (1, alice.list_tasks().headers["ETag"])
    assert export["token"] != "0-0"


def test_an_erasure_that_is_refused_leaves_no_row(alice: Tasks, postgresql: EmbeddedServer) -> None:
    assert alice.erase('"x-1"').status_code == 412
    assert set(rows_of(postgresql, alice.user_id).values()) == {0}


def test_the_command_asks_before_it_erases(alice: Tasks, app: Flask) -> None:
    task = alice.create()
    result = command("erase", alice.user_id, DATABASE_URL=app.config["DATABASE_URL"])
    assert result.exit_code == 1
    assert "This erases everything that is kept of the user, for good. Go on?" in result.output
    assert alice.all() == [task]


def test_an_operator_gets_what_the_user_gets(alice: Tasks, app: Flask, tmp_path: Path) -> None:
    alice.create("☃, at least")
    alice.create()
    url = app.config["DATABASE_URL"]
    printed = flask("export", alice.user_id, DATABASE_URL=url)
    assert (printed.returncode, printed.stderr) == (0, f"2 tasks of {alice.user_id} were written.\n")
    assert json.loads(printed.stdout) == alice.export().json()
    for name in ("csv", "ics"):
        file = tmp_path / name
        command("export", alice.user_id, "--format", name, "--output", str(file), DATABASE_URL=url)
        assert file.read_bytes() == alice.export(name).content
    assert len(Calendar.from_ical((tmp_path / "ics").read_bytes()).walk("VTODO")) == 2


@pytest.mark.parametrize("arguments", [("export", "alice"), ("erase", "alice", "--yes")])
def test_a_database_that_is_away_is_told_in_a_sentence(arguments: tuple[str, ...], tmp_path: Path) -> None:
    file = ("--output", str(tmp_path / "file")) if arguments[0] == "export" else ()
    result = command(*arguments, *file, DATABASE_URL="postgresql://nobody@127.0.0.1:9/nothing")
    assert isinstance(result.exception, SystemExit)
    assert "The database can't be used now: " in str(result.exception)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("user_id", ["", "a/b", "x" * 256, "a\nb"])
@pytest.mark.parametrize("name", ["export", "erase"])
def test_what_can_be_no_user_is_refused(name: str, user_id: str, app: Flask) -> None:
    result = command(name, user_id, *(["--yes"] if name == "erase" else []), DATABASE_URL=app.config["DATABASE_URL"])
    assert result.exit_code == 2
    assert "USER_ID" in result.output
