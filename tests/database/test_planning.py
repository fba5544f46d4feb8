"""Lists are planned once in each session, and not again for each user and page."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from app import create_app
from app.changes.statements import CHANGES
from app.database.embedded import SUPERUSER, EmbeddedServer
from app.database.planning import KEEP_PLAN
from app.database.session import SESSION, fetch_all
from app.database.statement import Statement
from app.extensions import db
from app.tasks.page_statements import PAGES
from app.tasks.statements import LIST
from config import BASIC, Config
from tests.support.databases import connected, new_database
from tests.support.plans import relation, walk
from tests.support.statements import parameters_for

STATEMENTS = {"list": LIST[BASIC], "page": PAGES[BASIC, "title", "asc"], "changes": CHANGES[BASIC]}
INDEX_SCANS = {"Index Scan", "Bitmap Heap Scan"}
TIMES = 8  # PostgreSQL decides after five


@pytest.fixture(scope="module")
def uneven(postgresql: EmbeddedServer) -> str:
    """The URL of a database in which one user has most of the tasks, which PostgreSQL has counted."""
    name = new_database(postgresql)
    with connected(postgresql.url(SUPERUSER, name)) as cursor:
        cursor.execute(
            """
            INSERT INTO users (user_id, epoch, version, tasks) VALUES ('large', 'a', 5000, 5000), ('small', 'b', 5, 5);
            INSERT INTO tasks (user_id, id, title, version)
            SELECT CASE WHEN number > 5 THEN 'large' ELSE 'small' END, uuidv7_at(clock_timestamp()), 'Task', number
            FROM generate_series(1, 5005) AS number;
            ANALYZE tasks, users
            """
        )
        cursor.execute(f"ALTER DATABASE {name} SET random_page_cost = 4")  # as most servers have it
    return postgresql.url(database=name)


@contextmanager
def run_often(url: str, statement: Statement, parameters: dict[str, Any]) -> Iterator[tuple[Any, int, int]]:
    """Run the statement on that database. Give a cursor of its session, and how many plans were generic and custom."""
    app = create_app(Config(DATABASE_URL=url))
    with app.app_context():
        try:
            for _ in range(TIMES):
                assert fetch_all("small", statement, parameters)
            cursor = app.extensions[SESSION].borrowed.cursor()
            cursor.execute(
                "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE name = %s", (statement.name,)
            )
            ((generic, custom),) = cursor.fetchall()
            yield cursor, generic, custom
        finally:
            db.engine.dispose()


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_list_is_planned_once_and_with_the_index(uneven: str, name: str) -> None:
    statement = STATEMENTS[name]
    parameters = parameters_for(statement, "small", most=2)
    with run_often(uneven, statement, parameters) as (cursor, generic, custom):
        assert (generic, custom) == (TIMES, 0)
        cursor.execute(f"{KEEP_PLAN}EXPLAIN (FORMAT JSON) {statement.execute}", parameters)
        ((plans,),) = cursor.fetchall()
    assert {node["Node Type"] for node in walk(plans[0]["Plan"]) if relation(node) == "tasks"} <= INDEX_SCANS


def test_citus_is_left_to_plan_as_it_wants(postgresql: EmbeddedServer) -> None:
    """The entry in the catalogue is all of Citus that there is here."""
    name = new_database(postgresql)
    with connected(postgresql.url(SUPERUSER, name)) as cursor:
        cursor.execute(
            """
            SET allow_system_table_mods = on;
            INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
            VALUES (70000, 'citus', 10, 'pg_catalog'::regnamespace, false, '14.0')
            """
        )
    statement = STATEMENTS["page"]
    with run_often(postgresql.url(database=name), statement, parameters_for(statement, "small")) as (_, _, custom):
        assert custom >= 5
