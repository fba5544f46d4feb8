"""What PostgreSQL does for a list: the tasks of a user are read by the primary key, and none if the client has them."""

from collections.abc import Iterator
from typing import Any

import pytest

from app.changes.statements import CHANGES
from app.database.embedded import SUPERUSER, EmbeddedServer
from app.tasks.page_statements import PAGES
from app.tasks.statements import LIST
from tests.support.databases import connected, new_database
from tests.support.plans import KINDS, explain, relation
from tests.support.statements import name_of, parameters_for

USERS = 50
TASKS = 200  # of each user
LISTS = {name_of(statement): statement for statement in [*LIST.values(), *PAGES.values()]}


@pytest.fixture(scope="module")
def cursor(postgresql: EmbeddedServer) -> Iterator[Any]:
    """A cursor in a database with the tasks of many users, which PostgreSQL has counted."""
    with connected(postgresql.url(SUPERUSER, new_database(postgresql))) as cursor:
        cursor.execute(
            """
            INSERT INTO users (user_id, epoch, version, tasks)
            SELECT 'user-' || number, 'epoch', %(tasks)s, %(tasks)s FROM generate_series(1, %(users)s) AS number;
            INSERT INTO tasks (user_id, id, title, created_at, updated_at, version)
            SELECT 'user-' || number, uuidv7_at(clock_timestamp()), 'Task', now(), now(), task
            FROM generate_series(1, %(users)s) AS number, generate_series(1, %(tasks)s) AS task
            """,
            {"users": USERS, "tasks": TASKS},
        )
        cursor.execute("ANALYZE tasks, users")
        yield cursor


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", LISTS)
def test_every_list_reads_the_primary_key_only(cursor: Any, name: str, kind: str) -> None:
    parameters = parameters_for(LISTS[name], "user-7", seen=None)
    nodes = explain(cursor, LISTS[name], parameters, kind, "COSTS OFF")
    assert {node["Index Name"] for node in nodes if "Index Name" in node} - {"users_pkey"} == {"tasks_pkey"}
    assert "Seq Scan" not in {node["Node Type"] for node in nodes if relation(node) == "tasks"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", LISTS)
def test_no_task_is_read_for_a_client_that_has_the_list(cursor: Any, name: str, kind: str) -> None:
    for seen, is_read in ((["epoch-1"], True), (["x", f"epoch-{TASKS}"], False)):
        parameters = parameters_for(LISTS[name], "user-7", seen=seen, after_id=None)
        nodes = explain(cursor, LISTS[name], parameters, kind, "ANALYZE, TIMING OFF")
        loops = [node["Actual Loops"] for node in nodes if relation(node) == "tasks"]
        assert loops
        assert any(loops) is is_read


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("view", CHANGES)
def test_neither_tasks_nor_deletions_are_read_for_a_client_that_has_all_changes(
    cursor: Any, view: str, kind: str
) -> None:
    for reached, is_read in ((TASKS - 1, True), (TASKS, False)):
        parameters = parameters_for(CHANGES[view], "user-7", reached=reached, began=reached)
        nodes = explain(cursor, CHANGES[view], parameters, kind, "ANALYZE, TIMING OFF")
        loops = [node["Actual Loops"] for node in nodes if relation(node) in ("tasks", "deleted_tasks")]
        assert len(loops) == 2
        assert any(loops) is is_read
