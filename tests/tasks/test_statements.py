"""The statements: each is about one user, so that it goes to the one partition, or machine, of that user's tasks."""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg2
import pytest
from flask import Flask
from sqlalchemy import BindParameter, Case, ClauseElement, Insert, TableClause
from sqlalchemy.sql.elements import BinaryExpression, BooleanClauseList
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.operators import and_, eq
from sqlalchemy.sql.visitors import iterate

from app.database.embedded import ROLE, SUPERUSER, EmbeddedServer
from app.database.session import AS_USER
from app.database.statement import NAMED, Statement
from app.tasks import statements
from app.tasks.models import Task
from tests.support.client import REQUESTS
from tests.support.databases import connected
from tests.support.service import running

PARENT = "public.tasks"
STATEMENTS = statements.ALL


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


def test_a_long_list_is_read_in_its_order_and_not_sorted(server: EmbeddedServer) -> None:
    with connected(server.url(SUPERUSER)) as cursor:
        cursor.execute(  # One task of each user after the other, so that those of one lie far apart.
            "INSERT INTO tasks (user_id, title) SELECT 'user-' || owner, 'Task ' || number"
            " FROM generate_series(1, 100) AS number, generate_series(1, 1000) AS owner ORDER BY number, owner"
        )
        cursor.execute("VACUUM ANALYZE tasks")
        cursor.execute(f"EXPLAIN {statements.LIST.sql}", {"owner": "user-1"})
        plan = "\n".join(line for (line,) in cursor)
    assert "Index Scan using tasks_pkey" in plan
    assert "Sort" not in plan
