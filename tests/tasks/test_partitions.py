"""The tables in hash partitions, as the script of docs/scaling.md makes them."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from app.database.embedded import ROLE, SUPERUSER, EmbeddedServer
from app.database.ownership import owned_tables
from tests.support.commands import command
from tests.support.databases import connected, differences_from_the_models, new_database, partition

PARTITIONS = 16
OWNED = f"ARRAY{sorted(owned_tables())}"


def description(server: EmbeddedServer, name: str) -> dict[str, list[Any]]:
    """Return all that the catalogue says of the tables, and all that they keep."""
    questions = {
        "columns": "SELECT relname, attname, format_type(atttypid, atttypmod), attnotnull,"
        " attcollation::regcollation::text, pg_get_expr(adbin, adrelid)"
        " FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0"
        " LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum"
        f" WHERE relname = ANY ({OWNED}) ORDER BY relname, attnum",
        "constraints": "SELECT conrelid::regclass::text, conname, contype, pg_get_constraintdef(oid) FROM pg_constraint"
        f" WHERE conrelid = ANY ({OWNED}::regclass[]) ORDER BY 1, conname",
        "policies": "SELECT tablename, policyname, permissive, roles, cmd, qual, with_check FROM pg_policies"
        " WHERE schemaname = 'public' ORDER BY tablename",
        "security": "SELECT relname, relrowsecurity, relforcerowsecurity FROM pg_class"
        f" WHERE oid = ANY ({OWNED}::regclass[]) ORDER BY relname",
        "owners": "SELECT DISTINCT relowner::regrole::text FROM pg_class WHERE relkind IN ('r', 'p')"
        " AND relnamespace IN ('public'::regnamespace, to_regnamespace('tasks_partitions'))",
        "others": "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY relname",
        "functions": "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY proname",
        **{f"rows of {table}": f"SELECT {table}::text FROM {table} ORDER BY 1" for table in owned_tables()},
    }
    answers = {}
    with connected(server.url(SUPERUSER, name)) as cursor:
        for question, sql in questions.items():
            cursor.execute(sql)
            answers[question] = cursor.fetchall()
    return answers


def fill(server: EmbeddedServer, name: str) -> None:
    """Give 200 users a row in each table."""
    rows = {
        "tasks (user_id, title)": "'Käse'",
        "users (user_id, epoch, version, tasks)": "'1f', n, 1",
        "deleted_tasks (user_id, version, id)": "n, gen_random_uuid()",
        "idempotency_keys (user_id, key, fingerprint, answer)": "n, '\\x1f', '{}'",
    }
    assert {name.split()[0] for name in rows} == set(owned_tables())
    with connected(server.url(SUPERUSER, name)) as cursor:
        for columns, values in rows.items():
            cursor.execute(f"INSERT INTO {columns} SELECT 'user ' || n, {values} FROM generate_series(1, 200) AS n")


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
def test_the_documented_script_keeps_the_tables_as_they_were(
    any_server: EmbeddedServer, row_security: bool, role: str
) -> None:
    name = new_database(any_server)
    url = any_server.url(database=name)
    assert command("row-security", DATABASE_URL=url, ROW_SECURITY=row_security).exit_code == 0
    fill(any_server, name)
    before = description(any_server, name)
    for _ in range(2):  # The second time, there is nothing left to do.
        partition(any_server.url(role, name))
        assert description(any_server, name) == before
    with connected(any_server.url(SUPERUSER, name)) as cursor:
        places = []
        for table in owned_tables():
            cursor.execute(f"SELECT relid::regclass::text FROM pg_partition_tree('{table}') WHERE isleaf")
            assert {leaf for (leaf,) in cursor.fetchall()} == {
                f"tasks_partitions.{table}_{number}" for number in range(PARTITIONS)
            }
            cursor.execute(f"SELECT user_id, substring(tableoid::regclass::text FROM '[0-9]+$') FROM {table}")
            places.append(dict(cursor.fetchall()))
    assert len(places[0]) == 200
    assert all(place == places[0] for place in places), "what a user has is in partitions of different numbers"


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


@pytest.mark.parametrize("table", owned_tables())
def test_a_partition_that_is_named_itself_shows_nothing(
    postgresql: EmbeddedServer, partitioned: str, table: str
) -> None:
    fill(postgresql, partitioned)
    with connected(postgresql.url(database=partitioned)) as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        assert cursor.fetchone() == (0,)
        cursor.execute("SELECT set_config('app.user_id', 'user 1', false)")
        cursor.execute(f"SELECT tableoid::regclass::text, user_id FROM {table}")
        ((its_partition, user),) = cursor.fetchall()
        assert user == "user 1"
        for sql in (
            "SELECT * FROM {}",
            "UPDATE {} SET user_id = user_id RETURNING *",
            "DELETE FROM {} RETURNING *",
        ):
            cursor.execute(sql.format(its_partition))
            assert cursor.fetchall() == []
        cursor.execute(f"CREATE TEMPORARY TABLE copied AS SELECT * FROM {table}")
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute(f"INSERT INTO {its_partition} SELECT * FROM copied")
        cursor.execute("UPDATE copied SET user_id = 'user 2'")
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute(f"INSERT INTO {table} SELECT * FROM copied")


def test_all_commands_work_on_partitions(postgresql: EmbeddedServer, partitioned: str) -> None:
    url = postgresql.url(database=partitioned)
    assert differences_from_the_models(url) == []
    for wanted in (False, True):
        assert command("row-security", DATABASE_URL=url, ROW_SECURITY=wanted).exit_code == 0
        assert description(postgresql, partitioned)["security"] == [
            (table, wanted, wanted) for table in sorted(owned_tables())
        ]
    assert "✓ the schema is at migration" in command("doctor", DATABASE_URL=url).output
    before = description(postgresql, partitioned)
    for arguments in (("downgrade", "base"), ("upgrade",)):
        result = command("db", *arguments, DATABASE_URL=url)
        assert result.exit_code == 0, result.output
    assert differences_from_the_models(url) == []
    partition(url)
    assert description(postgresql, partitioned) == before
