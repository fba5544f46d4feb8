"""What a client is answered while the database is away, or refuses a statement."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import uuid4

import psycopg2
import pytest
from flask import Flask
from sqlalchemy import select, text

from app import create_app
from app.database.embedded import SUPERUSER, EmbeddedServer
from app.database.failures import is_unavailable
from app.database.session import fetch_all
from app.database.statement import Statement
from app.extensions import db
from config import Config
from tests.support.commands import command
from tests.support.service import running


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
            True: Statement(
                "select", select(text(f"{name}(:code, :times)").bindparams(code="", times=1)), only_reads=True
            ),
            False: Statement(
                "call", text(f"SELECT {name}(:code, :times)").bindparams(code="", times=1), only_reads=False
            ),
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


def test_a_server_that_does_not_answer_is_given_up_in_time(tmp_path: Path) -> None:
    nobody = "postgresql://u@127.0.0.1:9/x"  # RFC 863, and nothing listens there.
    app = create_app(Config(DATABASE_URL=nobody))
    app.config["PROPAGATE_EXCEPTIONS"] = False
    start = monotonic()
    response = app.test_client().get("/api/alice/tasks")
    assert (response.status_code, response.json) == (503, {"detail": "Service temporarily unavailable"})
    assert monotonic() - start < 30


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
