"""What PostgreSQL does for a statement: the nodes of its plan, as `EXPLAIN (FORMAT JSON)` has them."""

from collections.abc import Iterator
from typing import Any

from app.database.statement import Statement

KINDS = ("custom", "generic")  # planned for the parameters, or once for any
Node = dict[str, Any]


def explain(cursor: Any, statement: Statement, parameters: dict[str, Any], kind: str, options: str) -> list[Node]:
    """Return all nodes of the plan of the statement, which is prepared for this and then forgotten.

    With the option `ANALYZE` it runs, too.
    """
    cursor.execute(f"SET plan_cache_mode = force_{kind}_plan")
    sql = f"{statement.prepare}EXPLAIN ({options}, FORMAT JSON) {statement.execute}"
    cursor.execute(sql, parameters)
    plan = cursor.fetchone()[0][0]["Plan"]
    cursor.execute(f"DEALLOCATE {statement.name}")
    return list(walk(plan))


def walk(plan: Node) -> Iterator[Node]:
    """Give a node and all below it."""
    yield plan
    for child in plan.get("Plans", []):
        yield from walk(child)


def relation(node: Node) -> str | None:
    """Return the table that a node reads or changes, with its schema where the plan tells it."""
    if "Relation Name" not in node:
        return None
    return ".".join(node[name] for name in ("Schema", "Relation Name") if name in node)
