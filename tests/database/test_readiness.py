"""Whether the service is ready for requests, and whether it starts."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from flask import Flask

from app import create_app
from app.database.embedded import SUPERUSER, EmbeddedServer
from app.database.migrations import known_migrations, newest_migration
from app.database.readiness import read_state, require_readiness
from app.extensions import db
from config import Config, StartError
from tests.support.commands import flask
from tests.support.databases import connected, new_database
from tests.support.service import running
from tests.support.waiting import wait_for


@contextmanager
def application(url: str, **settings: Any) -> Iterator[Flask]:
    app = create_app(Config(DATABASE_URL=url, **settings))
    with app.app_context():
        yield app
        db.engine.dispose()


@pytest.fixture
def url(postgresql: EmbeddedServer) -> str:
    """A database of the test's own, at the newest migration."""
    return postgresql.url(database=new_database(postgresql))


def run_sql(url: str, *statements: str) -> None:
    with connected(url) as cursor:
        for statement in statements:
            cursor.execute(statement)


def assert_not_ready(app: Flask, reason: str) -> None:
    response = app.test_client().get("/health/ready")
    assert (response.status_code, response.json) == (503, {"detail": "Service temporarily unavailable"})
    assert int(response.headers["Retry-After"]) > 0
    assert reason in response.headers["X-Failed-Check"]


def test_readiness_is_told_within_a_second_whatever_the_database_does(server: EmbeddedServer, tmp_path: Path) -> None:
    with running(tmp_path / "log", DATABASE_URL=server.url(), WEB_CONCURRENCY="1") as client:
        assert client.get("/health/ready").status_code == 200
        processes = server._find_processes()
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


@pytest.mark.parametrize("revision", ["0999", "a1b2c3d4e5f6"])
def test_a_newer_migration_hinders_neither_a_running_instance_nor_a_start(
    url: str, caplog: pytest.LogCaptureFixture, revision: str
) -> None:
    run_sql(url, f"UPDATE alembic_version SET version_num = '{revision}'")
    with caplog.at_level("INFO"), application(url) as app:
        require_readiness()
        response = app.test_client().get("/health/ready")
        assert (response.status_code, response.json) == (200, {"status": "ready", "row_security": "enforced"})
    assert f"The database is at migration {revision}, of a newer version than this one" in caplog.text


@pytest.mark.parametrize(
    "statement",
    [
        *(f"UPDATE alembic_version SET version_num = '{older}'" for older in known_migrations()[1:]),
        "DELETE FROM alembic_version",
        "DROP TABLE alembic_version",
    ],
)
def test_an_older_schema_is_refused_with_the_command_that_mends_it(url: str, statement: str) -> None:
    run_sql(url, statement)
    sentence = f"The database is not at migration {newest_migration()}. First run: flask db upgrade"
    with application(url) as app:
        with pytest.raises(StartError, match=sentence):
            require_readiness()
        assert_not_ready(app, sentence)


def test_the_migrations_of_another_application_are_no_newer_ones(url: str) -> None:
    run_sql(url, "DROP TABLE tasks CASCADE", "UPDATE alembic_version SET version_num = 'a1b2c3d4e5f6'")
    with application(url) as app:
        with pytest.raises(
            StartError, match=r"at migration a1b2c3d4e5f6, but lacks a table of the service. Check DATABASE_URL"
        ):
            require_readiness()
        assert_not_ready(app, "lacks a table of the service")


def test_what_is_unknown_is_none(url: str) -> None:
    with application(url):
        state = read_state()
        assert (state.migration, state.row_security, state.role_is_bound) == (newest_migration(), True, True)
    run_sql(url, "DROP TABLE alembic_version, tasks")
    with application(url):
        state = read_state()
        assert (state.migration, state.row_security, state.role_is_bound) == (None, None, True)


def test_a_database_that_is_read_only_is_not_ready_until_it_is_writable_again(
    url: str, postgresql: EmbeddedServer, caplog: pytest.LogCaptureFixture
) -> None:
    name = url.partition("@/")[2].partition("?")[0]
    run_sql(postgresql.url(SUPERUSER), f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    with application(url) as app:
        require_readiness()  # It may pass by itself.
        assert "The database is read-only: default_transaction_read_only is on" in caplog.text
        assert_not_ready(app, "The database is read-only: default_transaction_read_only is on")
        run_sql(postgresql.url(SUPERUSER), f"ALTER DATABASE {name} RESET default_transaction_read_only")
        app.test_client().get("/health/ready")
        assert app.test_client().get("/health/ready").status_code == 200


@pytest.fixture
def locked_server(server: EmbeddedServer) -> EmbeddedServer:
    """A server that asks for passwords."""
    run_sql(server.url(SUPERUSER), "ALTER ROLE tasks PASSWORD 'the right one'")
    file = server.data / "pg_hba.conf"
    file.write_text(f"local all tasks scram-sha-256\n{file.read_text()}")
    run_sql(server.url(SUPERUSER), "SELECT pg_reload_conf()")
    return server


PASSWORD = "very%20secret"


@pytest.mark.parametrize(
    ("found", "put", "cause"),
    [
        ("tasks@/tasks", f"tasks:{PASSWORD}@/tasks", 'password authentication failed for user "tasks"'),
        ("tasks@/tasks", f"postgres:{PASSWORD}@/nowhere", 'database "nowhere" does not exist'),
        ("tasks@/tasks", f"nobody:{PASSWORD}@/tasks", 'role "nobody" does not exist'),
        ("host=/", "host=host.invalid&password=very%20secret&x=/", "invalid connection option"),
        ("host=/", "host=host.invalid&password=very%20secret&sslkey=/", 'could not translate host name "host.invalid"'),
    ],
)
def test_a_start_without_the_database_says_why_and_never_the_password(
    locked_server: EmbeddedServer, caplog: pytest.LogCaptureFixture, found: str, put: str, cause: str
) -> None:
    url = locked_server.url().replace(found, put)
    with application(url):
        try:
            require_readiness()
        except StartError as refusal:
            told = f"{refusal}"
        else:
            told = caplog.messages[-1]
    assert told.startswith(
        ("The database can't be reached yet, so its schema is not checked: ", "The database refuses")
    )
    assert cause in told
    assert "\n" not in told
    assert "secret" not in told

    completed = flask("db", "upgrade", DATABASE_URL=url)
    assert completed.returncode == 1
    assert cause in completed.stderr
    assert "Traceback" not in completed.stderr
    assert "secret" not in completed.stderr


def test_a_database_that_refuses_the_checks_is_said_in_a_sentence(server: EmbeddedServer) -> None:
    run_sql(server.url(SUPERUSER), "ALTER TABLE alembic_version OWNER TO postgres")
    with (
        application(server.url()),
        pytest.raises(StartError, match=r"^The database refuses: permission denied for table alembic_version$"),
    ):
        require_readiness()
    completed = flask("db", "upgrade", DATABASE_URL=server.url())
    assert (completed.returncode, completed.stderr.count("\n")) == (1, 1), completed.stderr
    assert "permission denied for table alembic_version" in completed.stderr
