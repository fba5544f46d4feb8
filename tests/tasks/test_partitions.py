"""The table in hash partitions, as the script of docs/scaling.md makes them."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from app.database.embedded import ROLE, SUPERUSER, EmbeddedServer
from tests.support.commands import command
from tests.support.databases import connected, differences_from_the_models, new_database, partition

PARTITIONS = 16


def description(server: EmbeddedServer, name: str) -> dict[str, list[Any]]:
    """Return all that the catalogue says of the table, and all that it keeps."""
    questions = {
        "columns": "SELECT attname, format_type(atttypid, atttypmod), attnotnull, attcollation::regcollation::text,"
        " pg_get_expr(adbin, adrelid) FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum"
        " WHERE attrelid = 'tasks'::regclass AND attnum > 0 ORDER BY attnum",
        "constraints": "SELECT conname, contype, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE conrelid = 'tasks'::regclass ORDER BY conname",
        "policies": "SELECT policyname, permissive, roles, cmd, qual, with_check FROM pg_policies"
        " WHERE schemaname = 'public' AND tablename = 'tasks'",
        "security": "SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = 'tasks'::regclass",
        "owners": "SELECT DISTINCT relowner::regrole::text FROM pg_class WHERE relname ~ '^tasks'",
        "others": "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY relname",
        "functions": "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY proname",
        "rows": "SELECT tasks::text FROM tasks ORDER BY user_id, id",
    }
    answers = {}
    with connected(server.url(SUPERUSER, name)) as cursor:
        for question, sql in questions.items():
            cursor.execute(sql)
            answers[question] = cursor.fetchall()
    return answers


def fill(server: EmbeddedServer, name: str) -> None:
    """Give 200 users a task each."""
    with connected(server.url(SUPERUSER, name)) as cursor:
        cursor.execute("INSERT INTO tasks (user_id, title) SELECT 'user ' || n, 'Käse' FROM generate_series(1, 200) n")


@pytest.fixture(params=[18, 16])
def any_server(request: pytest.FixtureRequest, postgresql: EmbeddedServer, tmp_path: Path) -> Iterator[EmbeddedServer]:
    """A server of that version of PostgreSQL."""
    if request.param == postgresql.version:
        yield postgresql
        return
    server = EmbeddedServer(tmp_path / "postgresql", request.param)
    server.start()
    yield server
    server.stop()


@pytest.mark.parametrize(("row_security", "role"), [(True, ROLE), (False, SUPERUSER)])
def test_the_documented_script_keeps_the_table_as_it_was(
    any_server: EmbeddedServer, row_security: bool, role: str
) -> None:
    name = new_database(any_server)
    url = any_server.url(database=name)
    assert command("row-security", DATABASE_URL=url, ROW_SECURITY=row_security).exit_code == 0
    fill(any_server, name)
    before = description(any_server, name)
    partition(any_server.url(role, name))
    assert description(any_server, name) == before
    with connected(any_server.url(SUPERUSER, name)) as cursor:
        cursor.execute("SELECT relid::regclass::text FROM pg_partition_tree('tasks') WHERE isleaf")
        leaves = {leaf for (leaf,) in cursor.fetchall()}
        cursor.execute("SELECT DISTINCT tableoid::regclass::text FROM tasks")
        assert {leaf for (leaf,) in cursor.fetchall()} == leaves
    assert len(leaves) == PARTITIONS


def test_the_documented_script_does_all_or_nothing(postgresql: EmbeddedServer) -> None:
    name = new_database(postgresql)
    fill(postgresql, name)
    before = description(postgresql, name)
    url = postgresql.url(database=name)
    with connected(url) as cursor:
        cursor.execute(f"CREATE SCHEMA tasks_partitions CREATE TABLE tasks_{PARTITIONS - 1} ()")
    with pytest.raises(subprocess.CalledProcessError) as caught:
        partition(url)
    assert "already exists" in caught.value.stderr
    assert description(postgresql, name) == before


def test_a_partition_that_is_named_itself_shows_nothing(postgresql: EmbeddedServer, partitioned: str) -> None:
    fill(postgresql, partitioned)
    with connected(postgresql.url(database=partitioned)) as cursor:
        cursor.execute("SELECT count(*) FROM tasks")
        assert cursor.fetchone() == (0,)
        cursor.execute("SELECT set_config('app.user_id', 'user 1', false)")
        cursor.execute("SELECT tableoid::regclass::text, user_id FROM tasks")
        ((its_partition, user),) = cursor.fetchall()
        assert user == "user 1"
        for sql in ("SELECT * FROM {}", "UPDATE {} SET title = 'Changed' RETURNING *", "DELETE FROM {} RETURNING *"):
            cursor.execute(sql.format(its_partition))
            assert cursor.fetchall() == []
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute(f"INSERT INTO {its_partition} (user_id, title) VALUES ('user 1', 'x')")
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute("INSERT INTO tasks (user_id, title) VALUES ('user 2', 'x')")


def test_all_commands_work_on_partitions(postgresql: EmbeddedServer, partitioned: str) -> None:
    url = postgresql.url(database=partitioned)
    assert differences_from_the_models(url) == []
    for wanted in (False, True):
        assert command("row-security", DATABASE_URL=url, ROW_SECURITY=wanted).exit_code == 0
        assert description(postgresql, partitioned)["security"] == [(wanted, wanted)]
    assert "✓ the schema is at migration" in command("doctor", DATABASE_URL=url).output
    before = description(postgresql, partitioned)
    for arguments in (("downgrade", "base"), ("upgrade",)):
        result = command("db", *arguments, DATABASE_URL=url)
        assert result.exit_code == 0, result.output
    assert differences_from_the_models(url) == []
    partition(url)
    assert description(postgresql, partitioned) == before
