"""What the database itself keeps apart, whatever our statements forget."""

import copy
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg2
import pytest
from flask import Flask

from app import create_app
from app.database.embedded import SUPERUSER, EmbeddedServer
from app.database.readiness import read_state
from app.database.session import fetch_all
from app.database.statement import Statement
from app.extensions import db
from app.server.start import require_readiness
from app.tasks import repository
from config import BASIC, Config, StartError
from tests.support.commands import command
from tests.support.databases import migrate
from tests.support.service import running
from tests.support.statements import ALL, parameters_for


@pytest.fixture
def users(app: Flask) -> Iterator[dict[str, dict[str, Any]]]:
    """Two users with a task each."""
    with app.app_context():
        yield {name: repository.add(f"{name}-{uuid4()}", {"title": name}, BASIC, 0)[0] for name in ("alice", "bob")}


def forgetful(statement: Statement) -> Statement:
    """Return what the statement would be if somebody had forgotten to name the owner in its conditions."""
    changed = copy.copy(statement)
    changed.name = f"forgetful_{statement.name}"
    changed.sql = re.sub(r"(?:\w+\.)?user_id = %\(owner\)s", "true", statement.sql)
    changed.prepare, changed.execute = "", changed.sql
    return changed


def list_tasks(user: dict[str, Any]) -> Any:
    return repository.list_tasks(user["user_id"], BASIC, None)[1]


def test_every_statement_has_a_condition_to_forget() -> None:
    for statement in ALL.values():
        assert forgetful(statement).sql != statement.sql


@pytest.mark.parametrize("name", ALL)
def test_a_forgotten_condition_shows_and_changes_nothing_of_others(users: dict[str, Any], name: str) -> None:
    alice, bob = users["alice"], users["bob"]
    parameters = parameters_for(ALL[name], alice["user_id"], bob["id"], accepted=None, seen=None)
    rows = fetch_all(alice["user_id"], forgetful(ALL[name]), parameters)
    assert bob["id"] not in str(rows)
    assert list_tasks(bob) == [bob]


@pytest.mark.parametrize("name", ALL)
def test_a_statement_for_another_user_finds_and_changes_nothing(users: dict[str, Any], name: str) -> None:
    alice, bob = users["alice"], users["bob"]
    parameters = parameters_for(ALL[name], bob["user_id"], bob["id"], accepted=None, seen=None)
    try:
        assert bob["id"] not in str(fetch_all(alice["user_id"], ALL[name], parameters))
    except psycopg2.errors.InsufficientPrivilege:
        assert not ALL[name].only_reads
    assert list_tasks(bob) == [bob]


def test_without_a_user_nothing_is_visible(app: Flask, users: dict[str, Any]) -> None:
    assert len(users) == 2
    with closing(psycopg2.connect(app.config["DATABASE_URL"])) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        for _ in range(2):
            cursor.execute("SELECT count(*) FROM tasks")
            assert cursor.fetchone() == (0,)
            cursor.execute("UPDATE tasks SET title = 'Changed'")
            assert cursor.rowcount == 0
            cursor.execute("DELETE FROM tasks")
            assert cursor.rowcount == 0
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                cursor.execute("INSERT INTO tasks (user_id, title) VALUES ('alice', 'x')")
            # A user of an earlier transaction leaves nothing behind.
            cursor.execute("SELECT set_config('app.user_id', %s, true)", [users["alice"]["user_id"]])


def test_one_setting_turns_it_off_and_on(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path / "postgresql")
    server.start()
    migrate(server.url())

    def use(row_security: bool) -> Any:
        """Serve with that setting, keep two users apart, and return what is said of the readiness."""
        app = create_app(Config(DATABASE_URL=server.url(), ROW_SECURITY=row_security))
        try:
            require_readiness(app, [])
            client = app.test_client()
            assert client.post("/api/alice/tasks", json={"title": "x"}).status_code == 201
            assert client.get("/api/bob/tasks").json == []
            return client.get("/health/ready").json
        finally:
            with app.app_context():
                db.engine.dispose()

    assert use(True) == {"status": "ready", "row_security": "enforced"}
    for wanted, name in ((False, "off"), (True, "enforced")):
        with pytest.raises(StartError, match="First run: flask row-security"):
            use(wanted)
        assert command("row-security", DATABASE_URL=server.url(), ROW_SECURITY=wanted).exit_code == 0
        assert use(wanted) == {"status": "ready", "row_security": name}
    server.stop()


def test_a_role_above_it_is_told(postgresql: EmbeddedServer, app: Flask, tmp_path: Path) -> None:
    assert app.config["ROW_SECURITY"]
    url = postgresql.url(SUPERUSER)
    with running(tmp_path / "log", DATABASE_URL=url) as client:
        assert client.get("/health/ready").json() == {"status": "ready", "row_security": "unbound"}
    assert "superuser, or has BYPASSRLS" in (tmp_path / "log").read_text()
    unbound = create_app(Config(DATABASE_URL=url))
    with unbound.app_context():
        assert not read_state().role_is_bound
        db.engine.dispose()
