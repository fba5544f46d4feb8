"""What `flask new-epoch` does after a restore and after an upgrade."""

import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg2
import pytest

from app import create_app
from app.database.embedded import ROLE, SUPERUSER, EmbeddedServer, find_binaries
from app.extensions import db
from config import Config
from tests.support.client import Client
from tests.support.commands import command
from tests.support.databases import connected, new_database
from tests.support.service import running
from tests.support.waiting import DEADLINE, wait_for

JAVASCRIPT_MAX = 2**53
SINCE_1970 = 10**6  # of a second


@pytest.fixture(params=[True, False], ids=["row security", "no row security"])
def row_security(request: pytest.FixtureRequest) -> bool:
    """The setting ROW_SECURITY."""
    return bool(request.param)


@pytest.fixture
def database(postgresql: EmbeddedServer, row_security: bool) -> str:
    """The name of a database of the test's own, with that row security."""
    name = new_database(postgresql)
    url = postgresql.url(database=name)
    assert command("row-security", DATABASE_URL=url, ROW_SECURITY=row_security).exit_code == 0
    return name


@contextmanager
def serving(url: str, row_security: bool, **settings: Any) -> Iterator[Any]:
    """Give Flask's client of a service there."""
    app = create_app(Config(DATABASE_URL=url, ROW_SECURITY=row_security, **settings))
    yield app.test_client()
    with app.app_context():
        db.engine.dispose()


def renew(url: str, row_security: bool, *options: str) -> str:
    result = command("new-epoch", *options, DATABASE_URL=url, ROW_SECURITY=row_security)
    assert result.exit_code == 0, result.output
    return result.output


def create(client: Any, user_id: str, title: str = "Buy milk") -> str:
    """Create a task and return its path."""
    answer = client.post(f"/api/{user_id}/tasks", json={"title": title})
    assert answer.status_code == 201
    return str(answer.headers["Location"])


def number(answer: Any) -> int:
    assert answer.status_code in (200, 201), answer.text
    return int(answer.headers["ETag"].strip('"'))


def token(client: Any, user_id: str) -> str:
    return str(client.get(f"/api/{user_id}/changes").json["token"])


def add_old_tasks(server: EmbeddedServer, database: str, user_id: str, count: int) -> None:
    """Add tasks as version 1.0 did."""
    with connected(server.url(SUPERUSER, database)) as cursor:
        cursor.execute(
            "INSERT INTO tasks (user_id, title, updated_at) SELECT %s, 'Old', now() - interval '30 days'"
            " FROM generate_series(1, %s)",
            (user_id, count),
        )


def dump(server: EmbeddedServer, database: str, file: Path) -> None:
    postgresql("pg_dump", "--format=custom", f"--file={file}", server.url(SUPERUSER, database))


def restore(server: EmbeddedServer, file: Path) -> str:
    """Restore a back-up as docs/deployment.md says, into a new database, and return its name."""
    name = f"tasks_{uuid4().hex}"
    with connected(server.url(SUPERUSER, "postgres")) as cursor:
        cursor.execute(f"CREATE DATABASE {name} OWNER {ROLE}")
    url = server.url(SUPERUSER, name)
    postgresql("pg_restore", "--clean", "--if-exists", "--no-owner", f"--role={ROLE}", f"--dbname={url}", str(file))
    return name


def postgresql(program: str, *arguments: str) -> None:
    subprocess.run([find_binaries(18) / program, *arguments], check=True, capture_output=True, timeout=DEADLINE)


def rows(server: EmbeddedServer, database: str, sql: str) -> list[Any]:
    with connected(server.url(SUPERUSER, database)) as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def test_after_a_restore_nothing_that_was_given_out_since_the_back_up_counts(
    postgresql: EmbeddedServer, database: str, row_security: bool, tmp_path: Path
) -> None:
    add_old_tasks(postgresql, database, "old", 5)
    with serving(postgresql.url(database=database), row_security) as client:
        kept = create(client, "alice")
        client.delete(create(client, "alice"))
        client.delete(create(client, "gone"))
        old = rows(postgresql, database, "SELECT id::text FROM tasks WHERE user_id = 'old'")[0][0]
        tokens: dict[str, list[str]] = {"alice": [token(client, "alice")], "gone": [token(client, "gone")], "old": []}
        dump(postgresql, database, tmp_path / "dump")
        lost: dict[str, list[int]] = {kept: [], f"/api/old/tasks/{old}": []}
        for path, numbers in lost.items():
            numbers += [number(client.put(path, json={"title": f"Lost {n}"})) for n in range(9)]
        for user_id, of_user in tokens.items():
            of_user.append(token(client, user_id))

    restored = postgresql.url(database=restore(postgresql, tmp_path / "dump"))
    assert renew(restored, row_security) == "Each of 3 users has a new epoch.\n"
    with serving(restored, row_security) as client:
        for user_id, of_user in tokens.items():
            for past in of_user:
                answer = client.get(f"/api/{user_id}/changes?since={past}")
                assert (answer.status_code, answer.json) == (410, {"detail": "Sync token expired"})
                listed = client.get(f"/api/{user_id}/tasks", headers={"If-None-Match": f'"{past}"'})
                assert listed.status_code == 200
            changes = client.get(f"/api/{user_id}/changes").json
            assert changes["tasks"] == client.get(f"/api/{user_id}/tasks").json
        for path, numbers in lost.items():
            for each in numbers:
                tag = f'"{each}"'
                assert client.put(path, json={"title": "x"}, headers={"If-Match": tag}).status_code == 412
                assert client.get(path, headers={"If-None-Match": tag}).status_code == 200
            assert client.get(path).json["title"] in ("Buy milk", "Old")
            next_number = number(client.put(path, json={"title": "Found"}))
            assert max(numbers) < time.time() * SINCE_1970 - 60 * SINCE_1970 < next_number < JAVASCRIPT_MAX
            assert number(client.patch(f"{path}/complete")) == next_number + 1
        assert client.get("/health/ready").json["row_security"] == ("enforced" if row_security else "off")


def test_one_back_up_can_be_restored_again_and_again(
    postgresql: EmbeddedServer, database: str, row_security: bool, tmp_path: Path
) -> None:
    with serving(postgresql.url(database=database), row_security) as client:
        path = create(client, "alice")
    dump(postgresql, database, tmp_path / "dump")
    given_out, epochs = [1], set()
    for _ in range(2):
        restored = postgresql.url(database=restore(postgresql, tmp_path / "dump"))
        renew(restored, row_security)
        with serving(restored, row_security) as client:
            numbers = [number(client.patch(f"{path}/complete")) for _ in range(50)]
            epochs.add(token(client, "alice").split("-")[0])
        assert min(numbers) > max(given_out)
        given_out += numbers
    assert len(epochs) == 2


def test_what_version_1_0_wrote_during_an_upgrade_is_counted_and_gets_new_tags(
    postgresql: EmbeddedServer, database: str, row_security: bool
) -> None:
    url = postgresql.url(database=database)
    with serving(url, row_security, MAX_TASKS_PER_USER=4) as client:
        changed, deleted, untouched = (create(client, "alice", title) for title in ("1", "2", "3"))
        with connected(postgresql.url(SUPERUSER, database)) as cursor:
            cursor.execute("UPDATE tasks SET updated_at = now() - interval '2 days' WHERE title = '3'")
        stale = {path: client.get(path).headers["ETag"] for path in (changed, untouched)}
        of_list = client.get("/api/alice/tasks").headers["ETag"]
        with connected(url) as cursor:  # As 1.0 did: without versions.
            cursor.execute("SET app.user_id TO 'alice'")
            cursor.execute("UPDATE tasks SET title = 'Changed', updated_at = now() WHERE title = '1'")
            cursor.execute("DELETE FROM tasks WHERE title = '2'")
            cursor.execute("INSERT INTO tasks (user_id, title) VALUES ('alice', 'New'), ('alice', 'Newer')")
        assert client.get("/api/alice/tasks", headers={"If-None-Match": of_list}).status_code == 304

        renew(url, row_security)
        for path, status in ((changed, 200), (untouched, 304)):
            assert client.get(path, headers={"If-None-Match": stale[path]}).status_code == status
        assert client.put(changed, json={}, headers={"If-Match": stale[changed]}).status_code == 412
        assert client.get("/api/alice/tasks", headers={"If-None-Match": of_list}).status_code == 200
        assert client.get(f"/api/alice/changes?since={of_list.strip(chr(34))}").status_code == 410
        assert client.get(deleted).status_code == 404
        tasks = client.get("/api/alice/tasks").json
        assert [task["title"] for task in tasks] == ["Changed", "3", "New", "Newer"]
        changes = client.get("/api/alice/changes").json
        assert sorted(task["id"] for task in changes["tasks"]) == [task["id"] for task in tasks]
        refused = client.post("/api/alice/tasks", json={"title": "Fifth"})
        assert (refused.status_code, refused.json) == (403, {"detail": "Task limit reached"})
        renew(url, row_security, "--hours", "72")
        assert client.get(untouched, headers={"If-None-Match": stale[untouched]}).status_code == 200


def test_clients_may_write_meanwhile(
    postgresql: EmbeddedServer, database: str, row_security: bool, tmp_path: Path
) -> None:
    url = postgresql.url(database=database)
    add_old_tasks(postgresql, database, "user-0", 1000)
    with running(tmp_path / "log", DATABASE_URL=url, ROW_SECURITY=str(row_security).lower()) as client:

        def write(user_id: str) -> list[int]:
            mine, numbers = Client(client.url).of(user_id), []
            for _ in range(40):
                task = mine.post({"title": "Buy milk"})
                numbers += [number(task), number(mine.complete(task.json()["id"]))]
            return numbers

        with ThreadPoolExecutor(9) as pool:
            writing = [pool.submit(write, f"user-{n % 4}") for n in range(8)]
            for _ in range(3):
                renew(url, row_security)
            written = [each.result() for each in writing]
        for numbers in written:
            assert numbers == sorted(set(numbers))
    counted = "SELECT user_id, count(*) FROM tasks GROUP BY user_id ORDER BY user_id"
    assert rows(postgresql, database, "SELECT user_id, tasks FROM users ORDER BY user_id") == rows(
        postgresql, database, counted
    )


def test_a_task_is_locked_before_the_row_of_its_user(
    postgresql: EmbeddedServer, database: str, row_security: bool
) -> None:
    """In the other order, a request that changes the second task and the command would wait for each other."""
    url = postgresql.url(database=database)
    with serving(url, row_security) as client:
        create(client, "alice", "1")
        create(client, "alice", "2")
    with (
        ThreadPoolExecutor(1) as pool,
        closing(psycopg2.connect(postgresql.url(SUPERUSER, database))) as connection,
        connection.cursor() as request,
        connected(postgresql.url(SUPERUSER, database)) as observer,
    ):
        request.execute("SELECT FROM tasks WHERE title = '2' FOR NO KEY UPDATE")
        renewing = pool.submit(renew, url, row_security)

        def is_waiting() -> bool:
            observer.execute("SELECT FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'", [database])
            return bool(observer.rowcount)

        wait_for(is_waiting)
        request.execute("SELECT FROM users WHERE user_id = 'alice' FOR NO KEY UPDATE NOWAIT")
        connection.rollback()
        assert renewing.result() == "Each of 1 users has a new epoch.\n"


def test_a_database_that_is_not_prepared_is_left_alone(postgresql: EmbeddedServer) -> None:
    name = f"tasks_{uuid4().hex}"
    with connected(postgresql.url(SUPERUSER, "postgres")) as cursor:
        cursor.execute(f"CREATE DATABASE {name} OWNER {ROLE}")
    result = command("new-epoch", DATABASE_URL=postgresql.url(database=name))
    assert "First run: flask db upgrade" in str(result.exception)
    assert isinstance(result.exception, SystemExit)
