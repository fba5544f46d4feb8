"""What PostgreSQL receives: one statement for each request, prepared in each session."""

import re
from collections.abc import Callable, Iterator
from copy import copy
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg2
import pytest
from flask import Flask
from sqlalchemy import literal, select, text

from app.database.embedded import SUPERUSER, EmbeddedServer
from app.database.migrations import newest_migration
from app.database.session import SESSION, fetch_all
from app.database.statement import Statement
from app.extensions import db
from app.tasks import repository
from app.tasks.statements import GET as GET_IN_VIEWS
from config import BASIC
from tests.support.client import REQUESTS, Tasks
from tests.support.databases import connected
from tests.support.service import running

GET = GET_IN_VIEWS[BASIC]


@pytest.fixture(scope="module")
def statements(postgresql: EmbeddedServer, app: Flask) -> Iterator[Callable[[], list[str]]]:
    """All statements that the server has received of our role since the last call."""
    connection = psycopg2.connect(postgresql.url(SUPERUSER))
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("ALTER ROLE tasks SET log_statement = 'all'")
    log = postgresql.data / "server.log"
    read = log.stat().st_size

    def statements() -> list[str]:
        nonlocal read
        with log.open("rb") as file:
            file.seek(read)
            new = file.read()
        read += len(new)
        return re.findall(r"LOG:  (?:statement|execute [^:]*): (.*)", new.decode())

    yield statements
    with connection.cursor() as cursor:
        cursor.execute("ALTER ROLE tasks RESET log_statement")
    connection.close()


@pytest.fixture(scope="module")
def observed(
    app: Flask, statements: Callable[[], list[str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Tasks]:
    """A user of a service whose one connection the server logs, and which has been warmed up."""
    log = tmp_path_factory.mktemp("observed") / "log"
    with running(log, DATABASE_URL=app.config["DATABASE_URL"], WEB_CONCURRENCY="1", THREADS="1") as client:
        tasks = client.of(f"observed-{uuid4()}")
        for request in REQUESTS.values():  # So that the statements are prepared.
            request(tasks, tasks.create()["id"])
        yield tasks


@pytest.mark.parametrize("name", REQUESTS)
def test_each_endpoint_sends_exactly_one_statement(
    observed: Tasks, statements: Callable[[], list[str]], name: str
) -> None:
    task = observed.create()
    statements()
    assert REQUESTS[name](observed, task["id"]).status_code in (200, 201)
    received = statements()
    assert len(received) == 1, received
    assert "tasks" in received[0]


def test_what_is_refused_sends_no_statement(observed: Tasks, statements: Callable[[], list[str]]) -> None:
    task = observed.create()
    statements()
    assert observed.post({"title": ""}).status_code == 422
    assert observed.put(task["id"], {"completed": 1}).status_code == 422
    assert observed.get("no-uuid").status_code == 404
    assert observed.client.get(f"/api/{'x' * 256}/tasks").status_code == 422
    assert observed.client.get("/health").status_code == 200
    assert statements() == []


@pytest.fixture
def alices(app: Flask) -> Iterator[str]:
    """A user whose tasks this thread reads and writes itself, on a connection of its own."""
    with app.app_context():
        app.extensions[SESSION]._drop()
        db.engine.dispose()
        yield f"alice-{uuid4()}"
        app.extensions[SESSION]._drop()


def run_in_session(app: Flask, sql: str) -> Any:
    """Run SQL in the session of this thread, and return what it gives."""
    with app.extensions[SESSION].borrowed.dbapi_connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall() if cursor.description else None


def test_a_name_tells_the_text_and_the_migration() -> None:
    assert re.fullmatch(rf"tasks_get_basic_{newest_migration()}_[0-9a-f]{{8}}", GET.name)
    assert GET.name != Statement("get", select(literal(1)), only_reads=True).name


def test_a_session_that_is_not_prepared_as_we_think_is_made_so(
    app: Flask, alices: str, statements: Callable[[], list[str]]
) -> None:
    """Behind a transaction pooler, each transaction may come to another session of the server."""
    session = app.extensions[SESSION]
    task = repository.add(alices, {"title": "Buy milk"}, BASIC, 0)[0]
    assert repository.get(alices, task["id"], BASIC)[0] == task
    # What this thread knows, the session has forgotten: that is noticed, and mended in one more round trip.
    run_in_session(app, "DEALLOCATE ALL")
    statements()
    assert repository.get(alices, task["id"], BASIC)[0] == task
    assert len(statements()) == 2
    for _ in range(3):
        assert repository.get(alices, task["id"], BASIC)[0] == task
    assert len(statements()) == 3
    # What the session knows, this thread has forgotten, be it the same statement or another one of its name.
    for other in ("SELECT 1", GET.prepare.partition(" AS ")[2].rstrip("; ")):
        run_in_session(app, f"DEALLOCATE {GET.name}; PREPARE {GET.name} AS {other}")
        session.prepared.clear()
        statements()
        assert repository.get(alices, task["id"], BASIC)[0] == task
        assert len(statements()) == 1
        assert GET.name in session.prepared


def test_no_statement_is_prepared_where_that_is_not_possible(app: Flask, alices: str) -> None:
    """As behind a pooler that refuses PREPARE: then statements run as they are."""
    refused = copy(GET)
    refused.prepare = "DO $$ BEGIN RAISE feature_not_supported; END $$; "
    task = repository.add(alices, {"title": "Buy milk"}, BASIC, 0)[0]
    for _ in range(2):
        rows = fetch_all(alices, refused, {"owner": alices, "task_id": task["id"]})
        assert [row[0] for row in rows] == [task["id"]]
        assert refused.name not in app.extensions[SESSION].prepared


def test_a_column_that_gets_another_type_fails_no_request(server: EmbeddedServer, tmp_path: Path) -> None:
    """PostgreSQL says: cached plan must not change result type."""
    with (
        running(tmp_path / "log", DATABASE_URL=server.url(), WEB_CONCURRENCY="1", THREADS="1") as client,
        connected(server.url(SUPERUSER)) as cursor,
    ):
        tasks = client.of("alice")
        for type_ in ("text", "varchar(600)", "text"):
            for request in REQUESTS.values():
                assert request(tasks, tasks.create()["id"]).status_code in (200, 201)
            cursor.execute(f"ALTER TABLE tasks ALTER COLUMN title TYPE {type_}")
        for _ in range(4):
            for request in REQUESTS.values():
                assert request(tasks, tasks.create()["id"]).status_code in (200, 201)
        assert client.get("/health/ready").status_code == 200
    # Each statement that returns a title notices it once, for each of the three changes.
    assert server_log(server).count("cached plan must not change result type") == 3 * 5


def server_log(server: EmbeddedServer) -> str:
    return (server.data / "server.log").read_text()


def test_a_connection_whose_session_ends_is_not_used_again(app: Flask, alices: str) -> None:
    session = app.extensions[SESSION]
    repository.list_tasks(alices, BASIC, None)
    before = run_in_session(app, "SELECT pg_backend_pid()")
    ending = Statement("ending", text("SELECT act(:x)").bindparams(x=1), only_reads=False)
    ending.prepare, ending.execute = "DO $$ BEGIN RAISE admin_shutdown; END $$; ", "SELECT 1"
    with pytest.raises(psycopg2.errors.AdminShutdown):
        fetch_all(alices, ending, {})
    assert session.borrowed is None
    assert not session.prepared
    repository.list_tasks(alices, BASIC, None)
    assert run_in_session(app, "SELECT pg_backend_pid()") != before


def test_dead_connections_are_replaced_before_use(observed: Tasks, postgresql: EmbeddedServer) -> None:
    task = observed.create()
    with psycopg2.connect(postgresql.url(SUPERUSER)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'tasks'")
        assert cursor.rowcount > 0
    connection.close()
    assert observed.get(task["id"]).json() == task
    assert observed.complete(task["id"]).status_code == 200
