"""The connections follow the database: a fail-over, a new server behind the same name, sessions that only read."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from uuid import uuid4

import psycopg2
import pytest
from sqlalchemy import text

from app import create_app
from app.database.embedded import SUPERUSER, EmbeddedServer
from app.database.engine import LIFETIME
from app.database.lifetime import ENDS
from app.extensions import db
from config import Config
from tests.support.client import Tasks
from tests.support.databases import connected, following
from tests.support.service import running
from tests.support.waiting import wait_for


class Name:
    """A name under which a server is found, now this one, now that one, as DNS does it: here, a link to its socket."""

    def __init__(self, server: EmbeddedServer) -> None:
        self.directory = Path(mkdtemp(prefix="name-"))
        self.url = f"postgresql://tasks@/tasks?host={self.directory}"
        self.lead_to(server)

    def lead_to(self, server: EmbeddedServer) -> None:
        (self.directory / "next").symlink_to(server.socket_directory / ".s.PGSQL.5432")
        (self.directory / "next").replace(self.directory / ".s.PGSQL.5432")

    def remove(self) -> None:
        (self.directory / ".s.PGSQL.5432").unlink()
        self.directory.rmdir()


@pytest.fixture
def name(server: EmbeddedServer) -> Iterator[Name]:
    name = Name(server)
    yield name
    name.remove()


def ask_at_once(tasks: Tasks, task_id: str, times: int = 40) -> set[int]:
    """Read the task in all threads of the service."""
    with ThreadPoolExecutor(8) as clients:
        return {answer.status_code for answer in clients.map(lambda _: tasks.get(task_id), range(times))}


def test_after_a_refused_write_all_threads_leave_the_server_that_only_reads(
    server: EmbeddedServer, name: Name, tmp_path: Path
) -> None:
    with following(server, tmp_path) as standby:
        name.lead_to(standby)
        with running(tmp_path / "log", DATABASE_URL=name.url, WEB_CONCURRENCY="1", THREADS="4") as client:
            tasks = client.of("alice")
            assert ask_at_once(tasks, str(uuid4())) == {404}
            assert client.get("/health/ready").json()["read_only"] is True
            with connected(standby.url(SUPERUSER)) as cursor:
                cursor.execute("SELECT pg_wal_replay_pause()")

            name.lead_to(server)
            assert ask_at_once(tasks, str(uuid4())) == {404}
            created = wait_for(lambda: (answer := tasks.post({"title": "Buy milk"})).status_code == 201 and answer)
            assert ask_at_once(tasks, created.json()["id"]) == {200}  # The standby does not know the task.
            assert client.get("/health/ready").json() == {"status": "ready", "row_security": "enforced"}


def test_sessions_that_began_read_only_are_replaced(server: EmbeddedServer, tmp_path: Path) -> None:
    with connected(server.url(SUPERUSER)) as cursor:
        cursor.execute("ALTER DATABASE tasks SET default_transaction_read_only = on")
        with running(tmp_path / "log", DATABASE_URL=server.url()) as client:
            tasks = client.of("alice")
            assert tasks.post({"title": "Buy milk"}).status_code == 503
            assert tasks.all() == []
            assert client.get("/health/ready").status_code == 503
            cursor.execute("ALTER DATABASE tasks RESET default_transaction_read_only")
            wait_for(lambda: tasks.post({"title": "Buy milk"}).status_code == 201)
            wait_for(lambda: client.get("/health/ready").status_code == 200)


def test_a_server_that_only_reads_is_not_asked_for_a_new_session_by_each_write(
    server: EmbeddedServer, tmp_path: Path
) -> None:
    with connected(server.url(SUPERUSER)) as cursor:
        cursor.execute("ALTER DATABASE tasks SET default_transaction_read_only = on")
        cursor.execute("ALTER SYSTEM SET log_connections = on")
        cursor.execute("SELECT pg_reload_conf()")
        with running(tmp_path / "log", DATABASE_URL=server.url(), WEB_CONCURRENCY="1", THREADS="1") as client:
            tasks = client.of("alice")
            tasks.all()
            log = server.data / "server.log"
            before = log.read_text().count("connection authorized")
            for _ in range(100):
                assert tasks.post({"title": "Buy milk"}).status_code == 503
            assert log.read_text().count("connection authorized") - before < 20


def test_the_pool_gives_no_connection_that_is_over(postgresql: EmbeddedServer) -> None:
    app = create_app(Config(DATABASE_URL=postgresql.url()))
    lifetime = app.extensions[LIFETIME]

    def ask_for_session() -> tuple[int, Any]:
        with db.engine.connect() as connection:
            return connection.execute(text("SELECT pg_backend_pid()")).scalar_one(), connection.connection.info

    with app.app_context():
        session, _ = ask_for_session()
        assert ask_for_session()[0] == session
        with closing(psycopg2.connect(postgresql.url())) as refused:
            lifetime.end_all(refused)
        second, info = ask_for_session()
        assert second != session
        info[ENDS] = 0
        assert ask_for_session()[0] != second
        db.engine.dispose()


def test_no_connection_is_used_for_longer_than_the_setting_says(
    server: EmbeddedServer, name: Name, tmp_path: Path
) -> None:
    # With one thread: another one would open its first connection after the change.
    settings: dict[str, Any] = {"WEB_CONCURRENCY": "1", "THREADS": "1", "DATABASE_CONNECTION_MAX_AGE": "2"}
    with running(tmp_path / "log", DATABASE_URL=name.url, **settings) as client:
        tasks = client.of("alice")
        task = tasks.create()
        with following(server, tmp_path) as copy:
            copy.pg_ctl("promote")
            with connected(copy.url(SUPERUSER)) as cursor:
                cursor.execute("UPDATE tasks SET title = 'On the new server'")
            name.lead_to(copy)
            wait_for(lambda: tasks.get(task["id"]).json()["title"] == "On the new server")
