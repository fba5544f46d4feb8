"""What lets the table be spread over machines by its owner, and what `docs/scaling.md` says of it."""

import json
import re
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from shutil import copytree
from typing import Any
from uuid import uuid4

import psycopg2
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from sqlalchemy import BindParameter, Case, ClauseElement, Insert, PrimaryKeyConstraint, TableClause, UniqueConstraint
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.sql.elements import BinaryExpression, BooleanClauseList
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.operators import and_, eq
from sqlalchemy.sql.visitors import iterate

from app import create_app
from app.database.embedded import ROLE, SUPERUSER, EmbeddedServer
from app.database.session import AS_USER
from app.database.statement import NAMED, Statement
from app.extensions import db
from app.tasks import statements
from app.tasks.models import Task
from config import Config
from tests.support import stack as stack_module
from tests.support.client import REQUESTS
from tests.support.commands import command
from tests.support.databases import migrate, partition
from tests.support.project import ROOT, documented
from tests.support.service import Service, running
from tests.support.stack import MISSING, Stack, free_port
from tests.support.waiting import wait_for

PARTITIONS = 16
PARENT = "public.tasks"
STATEMENTS = statements.ALL


@contextmanager
def connected(url: str) -> Iterator[Any]:
    """Give a cursor there, each statement of which is committed by itself."""
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        yield cursor


def new_database(server: EmbeddedServer) -> str:
    """Make a database at the newest migration on that server, and return its name."""
    name = f"tasks_{uuid4().hex}"
    with connected(server.url(SUPERUSER, "postgres")) as cursor:
        cursor.execute(f"CREATE DATABASE {name} OWNER {ROLE}")
    migrate(server.url(database=name))
    return name


@pytest.fixture
def partitioned(postgresql: EmbeddedServer) -> str:
    """The name of a database of the test's own, with its tasks in partitions."""
    name = new_database(postgresql)
    partition(postgresql.url(database=name))
    return name


def test_the_repository_has_statements_to_look_at() -> None:
    assert set(STATEMENTS.values()) == {value for value in vars(statements).values() if isinstance(value, Statement)}
    assert len(STATEMENTS) >= 6


@pytest.mark.parametrize("name", STATEMENTS)
def test_every_statement_names_one_user_and_one_table(name: str) -> None:
    executable, tasks = STATEMENTS[name].executable, Task.__table__
    elements = list(iterate(executable))
    owners = [element for element in elements if isinstance(element, BindParameter) and element.key == "owner"]
    assert len(owners) == 1
    assert not owners[0].expanding
    assert {element for element in elements if isinstance(element, TableClause)} == {tasks}
    assert len(re.findall(r"\b(?:FROM|JOIN|USING|UPDATE|INTO) tasks\b|, tasks\b(?!\.)", STATEMENTS[name].sql)) == 1
    if isinstance(executable, Insert):
        return  # What it gives the column, the plan shows below.
    where = executable.whereclause
    conditions = where.clauses if isinstance(where, BooleanClauseList) and where.operator is and_ else [where]
    of_the_owner = [
        condition
        for condition in conditions
        if isinstance(condition, BinaryExpression)
        and condition.operator is eq
        and condition.left is tasks.c.user_id
        and condition.right is owners[0]
    ]
    assert len(of_the_owner) == 1


SAMPLES = {"owner": "alice", "task_id": str(uuid4()), "new_title": "x", "has_description": True} | dict.fromkeys(
    ("new_description", "new_completed")
)


def is_immutable(cursor: Any, expression: ClauseElement) -> bool:
    """Tell what the server thinks: it lets nothing else be indexed."""
    compiled = expression.compile(dialect=NAMED)
    # Whatever has no column in it is worked out before a statement is sent to a shard.
    sql = str(compiled).replace("statement_timestamp()", "timestamptz 'epoch'")
    cursor.execute("BEGIN")
    try:
        cursor.execute(f"CREATE INDEX ON tasks (({sql}))", {**compiled.params, **SAMPLES})
    except psycopg2.errors.InvalidObjectDefinition:
        return False
    finally:
        cursor.execute("ROLLBACK")
    return True


@pytest.mark.parametrize("name", [name for name, statement in STATEMENTS.items() if not statement.only_reads])
def test_every_statement_that_changes_is_one_that_citus_takes(app: Flask, name: str) -> None:
    """An UPDATE has nothing VOLATILE, and nothing STABLE with a column in it; what is returned is IMMUTABLE."""
    executable = STATEMENTS[name].executable
    expressions = [*executable.exported_columns]
    if isinstance(executable, Insert):
        assert executable.select is None, "an INSERT ... SELECT goes through the coordinator, in two phases"
    else:
        expressions += [e for e in iterate(executable) if isinstance(e, FunctionElement | BinaryExpression | Case)]
    with connected(app.config["DATABASE_URL"]) as cursor:
        assert [str(each) for each in expressions if not is_immutable(cursor, each)] == []


def received(log: Path, send: Callable[[], Any]) -> list[str]:
    """Return the statements that the server notes while something is sent."""
    start = log.stat().st_size
    assert send().status_code in (200, 201)
    new = log.read_bytes()[start:].decode()
    return [found.replace("\n\t", "\n") for found in re.findall(r"LOG:  statement: (.*(?:\n\t.*)*)", new)]


def plan_of(cursor: Any, statement: str) -> dict[str, Any]:
    *before, last = statement.split("; ", 1)
    cursor.execute("; ".join([*before, f"EXPLAIN (VERBOSE, FORMAT JSON) {last}"]))
    plan: dict[str, Any] = cursor.fetchone()[0][0]["Plan"]
    return plan


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def relations(these: Iterable[dict[str, Any]]) -> list[str]:
    return [f"{each['Schema']}.{each['Relation Name']}" for each in these if "Relation Name" in each]


def test_what_each_endpoint_sends_is_planned_for_the_one_partition_of_its_user(
    postgresql: EmbeddedServer, partitioned: str, tmp_path: Path
) -> None:
    user, seen = f"observed-{uuid4()}", set()
    ours, above = postgresql.url(database=partitioned), postgresql.url(SUPERUSER, partitioned)
    with connected(above) as cursor:
        cursor.execute(f"ALTER ROLE {ROLE} IN DATABASE {partitioned} SET log_statement = 'all'")
    with (
        running(tmp_path / "log", DATABASE_URL=ours, WEB_CONCURRENCY="1", THREADS="1") as client,
        connected(ours) as as_we_are,
        connected(above) as unbound,
    ):
        alice = client.of(user)
        for request in REQUESTS.values():
            request(alice, alice.create()["id"])  # So that the statements are prepared, there and here.
        for statement in STATEMENTS.values():
            as_we_are.execute(statement.prepare)
            unbound.execute(statement.prepare)
        task = alice.create()
        unbound.execute("SELECT DISTINCT tableoid::regclass::text FROM tasks")
        ((its_partition,),) = unbound.fetchall()
        as_user = AS_USER % {"app_user_id": f"'{user}'"}
        for request in REQUESTS.values():
            (sent,) = received(postgresql.data / "server.log", partial(request, alice, task["id"]))
            assert sent.startswith(as_user)
            sql = sent.removeprefix(as_user)
            (name,) = (name for name, statement in STATEMENTS.items() if sql.startswith(f"EXECUTE {statement.name}("))
            seen.add(name)
            # Without row security too, whose condition would hide that the statement itself lacks one.
            for plan in (plan_of(as_we_are, sent), plan_of(unbound, sql)):
                scanned = relations(node for node in nodes(plan) if "Scan" in node["Node Type"])
                targets = set(relations([plan, *plan.get("Target Tables", [])]))
                if plan.get("Operation") == "Insert":
                    assert (scanned, targets) == ([], {PARENT})
                    owner, *_ = plan["Plans"][0]["Output"]  # in the order of the table's columns
                    assert owner.startswith(f"'{user}'::")
                else:
                    assert scanned == [its_partition]
                    assert targets <= {PARENT, its_partition}
        unbound.execute("SELECT DISTINCT tableoid::regclass::text FROM tasks WHERE user_id = %s", [user])
        assert unbound.fetchall() == [(its_partition,)]
    assert seen == set(STATEMENTS)


OURS = r"relname <> 'alembic_version' AND relnamespace::regnamespace::text !~ '^(pg_|information_schema$)'"


def test_nothing_in_the_database_stands_in_the_way_of_a_distribution_by_user(
    postgresql: EmbeddedServer, app: Flask
) -> None:
    assert app.config["DATABASE_URL"] == postgresql.url()
    with connected(postgresql.url(SUPERUSER)) as cursor:
        cursor.execute(
            "SELECT indexrelid::regclass::text, array_agg(attname::text) FROM pg_index JOIN pg_class ON oid = indrelid"
            " JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey)"
            f" WHERE (indisunique OR indisexclusion) AND {OURS} GROUP BY 1"
        )
        unique = dict(cursor.fetchall())
        assert "tasks_pkey" in unique
        assert [name for name, columns in unique.items() if "user_id" not in columns] == []
        cursor.execute(
            f"SELECT relname, conname FROM pg_constraint JOIN pg_class ON conrelid = pg_class.oid"
            f" WHERE contype IN ('f', 'x') AND {OURS}"
            f" UNION ALL SELECT relname, 'sequence' FROM pg_class WHERE relkind = 'S' AND {OURS}"
            f" UNION ALL SELECT relname, attname FROM pg_attribute JOIN pg_class ON attrelid = oid"
            f" WHERE attidentity <> '' AND {OURS}"
            f" UNION ALL SELECT relname, tgname FROM pg_trigger JOIN pg_class ON tgrelid = pg_class.oid"
            f" WHERE NOT tgisinternal AND {OURS}"
        )
        assert cursor.fetchall() == []


def test_nothing_in_the_models_stands_in_the_way_of_a_distribution_by_user() -> None:
    assert "tasks" in db.metadata.tables
    for table in db.metadata.tables.values():
        unique = [
            *(each for each in table.constraints if isinstance(each, PrimaryKeyConstraint | UniqueConstraint)),
            *(each for each in table.indexes if each.unique),
        ]
        assert [each.name for each in unique if "user_id" not in each.columns] == []
        assert [each for each in table.constraints if isinstance(each, ExcludeConstraint)] == []
        assert table.foreign_keys == set()
        for column in table.columns:
            assert (column.identity, column.default) == (None, None)
        assert table.autoincrement_column is None


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


def differences_from_the_models(url: str) -> list[Any]:
    app = create_app(Config(DATABASE_URL=url))
    with app.app_context():
        with db.engine.connect() as connection:
            options = {"compare_type": True, "compare_server_default": True}
            differences = list(compare_metadata(MigrationContext.configure(connection, opts=options), db.metadata))
        db.engine.dispose()
    return differences


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


@contextmanager
def following(primary: EmbeddedServer, directory: Path) -> Iterator[EmbeddedServer]:
    """Give a hot standby of that server."""
    standby = EmbeddedServer(directory / "standby")
    standby._require_usable_directories()
    primary._checked(
        *("pg_basebackup", "--pgdata", str(standby.data), "--write-recovery-conf", "--checkpoint", "fast"),
        *("--host", str(primary.socket_directory), "--username", SUPERUSER),
        cwd=primary.data,
    )
    standby.start()
    try:
        yield standby
    finally:
        standby.stop()


def test_a_replica_answers_reads_and_503_to_writes(postgresql: EmbeddedServer, app: Flask, tmp_path: Path) -> None:
    with (
        running(tmp_path / "primary", DATABASE_URL=app.config["DATABASE_URL"]) as primary,
        following(postgresql, tmp_path) as standby,
        running(tmp_path / "replica", DATABASE_URL=standby.url()) as replica,
    ):
        alice = primary.of(f"alice-{uuid4()}")
        task = alice.create()
        mirrored = replica.of(alice.user_id)
        wait_for(lambda: mirrored.all() == [task])
        for name, request in REQUESTS.items():
            answer = request(mirrored, task["id"])
            if name in ("list", "read", "change nothing"):
                assert answer.status_code == 200
            else:
                assert (answer.status_code, answer.json()) == (503, {"detail": "Service temporarily unavailable"})
                assert int(answer.headers["Retry-After"]) > 0
        assert replica.get("/health/ready").status_code == 200
        assert alice.all() == mirrored.all() == [task]
    assert '"sqlstate":"25006"' in (tmp_path / "replica").read_text()


def methods(log: str) -> set[str]:
    """Return the methods of the requests about tasks that a service wrote of."""
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    return {line["method"] for line in lines if line.get("route", "").startswith("/api/")}


@pytest.mark.stack
@pytest.mark.skipif(bool(MISSING), reason=f"not installed: {MISSING}")
def test_the_documented_lines_of_nginx_send_reads_to_the_replicas(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copytree(ROOT / "deploy", tmp_path / "root" / "deploy")
    monkeypatch.setattr(stack_module, "ROOT", tmp_path / "root")
    file = tmp_path / "root" / "deploy" / "nginx.conf"
    port = free_port()
    replicas = documented("nginx", "upstream replicas").replace("replica:8000", f"127.0.0.1:{port}")
    configuration = file.read_text()
    for found, put in (
        ("    upstream service {", f"{replicas}\n    upstream service {{"),
        ("proxy_pass http://service;", documented("nginx", "proxy_pass")),
    ):
        assert configuration.count(found) == 1
        configuration = configuration.replace(found, put)
    file.write_text(configuration)

    with ExitStack() as started:
        stack = Stack(tmp_path / "stack")
        started.callback(stack.stop)
        standby = started.enter_context(following(stack.postgresql, tmp_path))
        replica = Service(tmp_path / "replica", port=port, DATABASE_URL=standby.url(), TRUSTED_PROXIES="1")
        started.callback(replica.stop)
        replica.url()
        alice = stack.client.of("alice")
        task = alice.create()
        wait_for(lambda: alice.all() == [task])
        for request in REQUESTS.values():
            assert request(alice, task["id"]).status_code in (200, 201)
        assert stack.client.request("HEAD", alice.path).status_code == 200
        wait_for(lambda: methods(replica.log) == {"GET", "HEAD"})  # A line is written after its answer.
        wait_for(lambda: methods(stack.service.log) == {"POST", "PUT", "PATCH", "DELETE"})
        # The primary takes over, be it the replica's database that fails or its service.
        standby.pg_ctl("stop", "-m", "immediate")
        assert alice.list_tasks().status_code == 200
        replica.stop()
        assert alice.list_tasks().status_code == 200
        wait_for(lambda: "GET" in methods(stack.service.log))
