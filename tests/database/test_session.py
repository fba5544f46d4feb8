"""How we talk to PostgreSQL: what it receives, what survives, and what its migrations do."""

import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import uuid4

import flask_migrate
import psycopg2
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from sqlalchemy import select, text

from app import create_app
from app.database.embedded import SUPERUSER, EmbeddedServer
from app.database.engine import engine_url
from app.database.failures import is_unavailable
from app.database.session import SESSION, fetch_all
from app.database.statement import Statement
from app.extensions import db
from app.tasks import repository
from app.tasks.statements import GET, SET_COMPLETED
from config import Config
from tests.support.client import REQUESTS, Tasks
from tests.support.commands import command, flask
from tests.support.databases import migrate
from tests.support.service import running
from tests.support.waiting import wait_for


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
def test_every_spelling_of_the_url_means_psycopg2(scheme: str) -> None:
    url = engine_url(f"{scheme}://me:p%40ss@ep-1.neon.tech/tasks?sslmode=require&channel_binding=require")
    assert (url.drivername, url.username, url.password, url.database) == ("postgresql+psycopg2", "me", "p@ss", "tasks")
    assert dict(url.query) == {"sslmode": "require", "channel_binding": "require"}


def test_the_parameters_of_neon_reach_the_driver(postgresql: EmbeddedServer) -> None:
    app = create_app(Config(DATABASE_URL=f"{postgresql.url()}&sslmode=disable&channel_binding=disable"))
    with app.app_context(), db.engine.connect() as connection:
        parameters = connection.connection.dbapi_connection.get_dsn_parameters()  # type: ignore[union-attr]
        assert (parameters["sslmode"], parameters["channel_binding"]) == ("disable", "disable")
        db.engine.dispose()


@pytest.fixture(params=[18, 16])
def empty_app(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Flask]:
    """The application on an empty database of that version of PostgreSQL."""
    server = EmbeddedServer(tmp_path / "postgresql", request.param)
    server.start()
    app = create_app(Config(DATABASE_URL=server.url()))
    with app.app_context():
        yield app
        db.engine.dispose()
    server.stop()


def test_the_migrations_go_up_and_down_and_match_the_models(empty_app: Flask) -> None:
    def difference() -> list[Any]:
        with db.engine.connect() as connection:
            options = {"compare_type": True, "compare_server_default": True}
            return list(compare_metadata(MigrationContext.configure(connection, opts=options), db.metadata))

    def leftovers() -> list[str]:
        with db.engine.connect() as connection:
            functions = connection.execute(
                text("SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace")
            ).scalars()
            tables = connection.execute(
                text("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'")
            ).scalars()
            return [*functions, *tables]

    flask_migrate.upgrade()
    assert difference() == []
    flask_migrate.downgrade(revision="base")
    assert leftovers() == ["alembic_version"]
    flask_migrate.upgrade()
    assert difference() == []


def test_an_id_tells_its_time_to_the_microsecond_and_the_order(empty_app: Flask) -> None:
    flask_migrate.upgrade()
    with db.engine.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT uuidv7_timestamp(id) AS time, before, clock_timestamp() AS after, id::text FROM"
                " (SELECT clock_timestamp() AS before, uuidv7() AS id FROM generate_series(1, 1000)) AS ids"
            )
        ).all()
    assert all(row.before <= row.time <= row.after for row in rows)
    assert [row.time for row in rows] == sorted(row.time for row in rows)
    assert len({row.id for row in rows}) == 1000
    assert all(re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", r.id) for r in rows)
    assert [row.id[:18] for row in rows] == sorted(row.id[:18] for row in rows)


def test_an_id_of_a_time_is_unique_and_gives_it_back_to_the_microsecond(empty_app: Flask) -> None:
    flask_migrate.upgrade()
    with db.engine.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT time, uuidv7_at(time) AS id, uuidv7_timestamp(uuidv7_at(time)) AS told FROM"
                " (SELECT timestamptz '2026-01-22 10:00:00Z' + n / 2 * interval '1 microsecond' AS time"
                " FROM generate_series(1, 4000) AS n) AS times"
            )
        ).all()
    assert [row.told for row in rows] == [row.time for row in rows]
    assert len({row.id for row in rows}) == 4000
    assert all(row.id.version == 7 for row in rows)
    assert [row.id.hex[:16] for row in rows] == sorted(row.id.hex[:16] for row in rows)


def test_the_migrations_can_be_written_as_sql(app: Flask) -> None:
    completed = flask("db", "upgrade", "--sql", DATABASE_URL=app.config["DATABASE_URL"])
    assert completed.returncode == 0, completed.stderr
    assert "CREATE TABLE tasks" in completed.stdout


def test_the_constraints_are_the_last_line(postgresql: EmbeddedServer, app: Flask) -> None:
    with psycopg2.connect(postgresql.url(SUPERUSER)) as connection, connection.cursor() as cursor:
        for values in (
            ("", "title", ""),
            ("u" * 256, "title", ""),
            ("u", "", ""),
            ("u", "t" * 501, ""),
            ("u", "t", "d" * 5001),
        ):
            cursor.execute("SAVEPOINT before")
            with pytest.raises(psycopg2.Error, match=r"tasks_|too long"):
                cursor.execute("INSERT INTO tasks (user_id, title, description) VALUES (%s, %s, %s)", values)
            cursor.execute("ROLLBACK TO before")
    connection.close()


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


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedServer]:
    """A server of the test's own, which it may break, with a database at the newest migration."""
    server = EmbeddedServer(tmp_path / "postgresql")
    server.start()
    migrate(server.url())
    yield server
    server.stop()


def test_what_was_answered_survives_restarts_of_service_and_database(server: EmbeddedServer, tmp_path: Path) -> None:
    with running(tmp_path / "first", DATABASE_URL=server.url()) as client:
        tasks = client.of("alice")
        kept = [tasks.create(f"Task {number}") for number in range(20)]
        for mode in ("fast", "immediate"):
            server.pg_ctl("restart", "-m", mode, "-l", "server.log")
            assert wait_for(lambda: tasks.list_tasks().status_code == 200)
            assert tasks.all() == kept
            kept.append(tasks.create(f"After {mode}"))
    with running(tmp_path / "second", DATABASE_URL=server.url()) as client:
        assert client.of("alice").all() == kept


def test_while_the_database_is_away_every_answer_is_503_and_then_it_resumes(
    server: EmbeddedServer, tmp_path: Path
) -> None:
    with running(tmp_path / "log", DATABASE_URL=server.url()) as client:
        tasks = client.of("alice")
        task = tasks.create()
        server.pg_ctl("stop", "-m", "immediate")
        for response in (
            tasks.list_tasks(),
            tasks.post({"title": "Lost"}),
            tasks.get(task["id"]),
            tasks.put(task["id"], {"title": "Lost"}),
            tasks.complete(task["id"]),
            tasks.delete(task["id"]),
            client.get("/health/ready"),
        ):
            assert (response.status_code, response.content) == (503, b'{"detail":"Service temporarily unavailable"}')
            assert int(response.headers["Retry-After"]) > 0
        assert client.get("/health").status_code == 200
        assert tasks.post({"title": ""}).status_code == 422
        server.start()
        assert tasks.all() == [task]
        assert client.get("/health/ready").status_code == 200


def test_writes_that_were_answered_survive_kill_9_of_all(server: EmbeddedServer, tmp_path: Path) -> None:
    with running(tmp_path / "log", DATABASE_URL=server.url()) as client:
        tasks = client.of("alice")
        answered = [tasks.create(f"Task {number}")["id"] for number in range(50)]
        postmaster = int((server.data / "postmaster.pid").read_text().split()[0])
        os.kill(postmaster, signal.SIGKILL)
        wait_for(lambda: postmaster not in server._processes())  # A signal takes a moment to arrive.
        server.start()
        wait_for(lambda: tasks.list_tasks().status_code == 200)
        assert [task["id"] for task in tasks.all()] == answered


def test_a_server_that_does_not_answer_is_given_up_in_time(tmp_path: Path) -> None:
    nobody = "postgresql://u@127.0.0.1:9/x"  # RFC 863, and nothing listens there.
    app = create_app(Config(DATABASE_URL=nobody))
    app.config["PROPAGATE_EXCEPTIONS"] = False
    start = monotonic()
    response = app.test_client().get("/api/alice/tasks")
    assert (response.status_code, response.json) == (503, {"detail": "Service temporarily unavailable"})
    assert monotonic() - start < 30


def test_a_fault_of_ours_is_500_and_says_nothing(app: Flask, tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path / "postgresql")
    server.start()
    broken = create_app(Config(DATABASE_URL=server.url()))  # No migration has run there.
    broken.config["PROPAGATE_EXCEPTIONS"] = False
    response = broken.test_client().get("/api/alice/tasks")
    assert (response.status_code, response.data) == (500, b'{"detail":"Internal Server Error"}')
    assert response.content_type == "application/json"
    ready = broken.test_client().get("/health/ready")
    assert (ready.status_code, ready.data) == (503, b'{"detail":"Service temporarily unavailable"}')
    with broken.app_context():
        db.engine.dispose()
    server.stop()


def test_only_what_may_pass_by_itself_is_unavailable() -> None:
    assert not is_unavailable(ValueError("x"))


@pytest.fixture
def fail_with(app: Flask) -> Iterator[Callable[..., list[Any]]]:
    """A function that runs a statement which the server refuses with that SQLSTATE, the first so many times."""
    name = f"fail_{uuid4().hex}"
    with app.app_context(), db.engine.connect() as connection:
        connection.execute(text(f"CREATE SEQUENCE {name}"))
        connection.execute(
            text(
                f"CREATE FUNCTION {name}(code text, times int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN"
                f" IF nextval('{name}') <= times THEN RAISE EXCEPTION 'on purpose' USING ERRCODE = code; END IF;"
                " RETURN 1; END $$"
            )
        )
        statements = {
            True: Statement("select", select(text(f"{name}(:code, :times)").bindparams(code="", times=1))),
            False: Statement("call", text(f"SELECT {name}(:code, :times)").bindparams(code="", times=1)),
        }

        def fail(code: str, times: int = 1, only_reads: bool = False) -> list[Any]:
            return fetch_all("alice", statements[only_reads], {"code": code, "times": times})

        yield fail
        connection.execute(text(f"DROP FUNCTION {name}"))
        connection.execute(text(f"DROP SEQUENCE {name}"))


@pytest.mark.parametrize("code", ["40001", "40P01"])
def test_what_the_server_has_rolled_back_is_run_once_more(fail_with: Callable[..., list[Any]], code: str) -> None:
    assert fail_with(code) == [(1,)]
    with pytest.raises(psycopg2.Error) as caught:
        fail_with(code, times=9)
    assert is_unavailable(caught.value)


@pytest.mark.parametrize("code", ["08006", "25006", "53100", "53300", "57P01", "57P02", "57P03", "55P03"])
def test_what_may_pass_is_run_once_more_if_it_only_reads(fail_with: Callable[..., list[Any]], code: str) -> None:
    with pytest.raises(psycopg2.Error) as caught:
        fail_with(code)
    assert is_unavailable(caught.value)
    assert fail_with(code, times=2, only_reads=True) == [(1,)]


@pytest.mark.parametrize(
    ("code", "unavailable"), [("57014", True), ("42P01", False), ("23514", False), ("XX000", False)]
)
def test_what_will_not_pass_is_not_run_again(fail_with: Callable[..., list[Any]], code: str, unavailable: bool) -> None:
    with pytest.raises(psycopg2.Error) as caught:
        fail_with(code, only_reads=True)
    assert is_unavailable(caught.value) is unavailable
    assert fail_with(code, only_reads=True) == [(1,)]


def test_readiness_is_told_within_a_second_whatever_the_database_does(server: EmbeddedServer, tmp_path: Path) -> None:
    with running(tmp_path / "log", DATABASE_URL=server.url(), WEB_CONCURRENCY="1") as client:
        assert client.get("/health/ready").status_code == 200
        processes = server._processes()
        for pid in processes:
            os.kill(pid, signal.SIGSTOP)
        try:
            for _ in range(3):
                start = monotonic()
                response = client.get("/health/ready")
                assert monotonic() - start < 2  # That is 0.9 s, and what a busy machine adds.
                assert (response.status_code, response.json()) == (503, {"detail": "Service temporarily unavailable"})
                assert response.headers["X-Failed-Check"] == "the database does not answer"
            assert client.get("/health").status_code == 200
        finally:
            for pid in processes:
                os.kill(pid, signal.SIGCONT)
        wait_for(lambda: client.get("/health/ready").status_code == 200)


def test_a_statement_that_takes_too_long_is_ended(server: EmbeddedServer, tmp_path: Path) -> None:
    assert command("role-timeouts", DATABASE_URL=server.url()).exit_code == 0
    with running(tmp_path / "log", DATABASE_URL=server.url()) as client:
        tasks = client.of("alice")
        task = tasks.create()
        with closing(psycopg2.connect(server.url(SUPERUSER))) as connection, connection.cursor() as cursor:
            cursor.execute("LOCK TABLE tasks")
            response = tasks.put(task["id"], {"title": "Changed"})
            assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
            connection.rollback()
        assert tasks.all() == [task]
    assert '"sqlstate":"55P03"' in (tmp_path / "log").read_text()
