"""What PostgreSQL receives: one statement for each request, prepared in each session."""

import re
from collections.abc import Callable, Iterator
from uuid import uuid4

import psycopg2
import pytest
from flask import Flask

from app.database.embedded import SUPERUSER, EmbeddedServer
from app.database.session import SESSION
from app.tasks import repository
from app.tasks.statements import GET, SET_COMPLETED
from tests.support.client import REQUESTS, Tasks
from tests.support.service import running


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


def test_a_session_that_is_not_prepared_as_we_think_is_made_so(app: Flask) -> None:
    """Behind a transaction pooler, each transaction may come to another session of the server."""
    with app.app_context():
        user_id, session = f"alice-{uuid4()}", app.extensions[SESSION]
        task = repository.add(user_id, "Buy milk", None, False)
        assert repository.get(user_id, task["id"]) == task
        with session.borrowed.dbapi_connection.cursor() as cursor:
            cursor.execute("DEALLOCATE ALL")
        for _ in range(3):
            assert repository.get(user_id, task["id"]) == task
        session.prepared.clear()  # What the session knows, we have forgotten: once is enough to learn it again.
        assert repository.get(user_id, task["id"]) == task
        assert GET.name in session.prepared
        session._drop()
        session._connection()
        assert not session.prepared
        for completed in (True, False, True):
            assert repository.set_completed(user_id, task["id"], None)["completed"] is completed
        assert SET_COMPLETED.name in session.prepared


def test_dead_connections_are_replaced_before_use(observed: Tasks, postgresql: EmbeddedServer) -> None:
    task = observed.create()
    with psycopg2.connect(postgresql.url(SUPERUSER)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'tasks'")
        assert cursor.rowcount > 0
    connection.close()
    assert observed.get(task["id"]).json() == task
    assert observed.complete(task["id"]).status_code == 200
