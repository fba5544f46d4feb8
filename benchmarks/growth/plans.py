"""The plans of the API's statements: what PostgreSQL does for each, and whether that is what it should do."""

import re
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import psycopg2

from app.database.session import AS_USER
from app.database.statement import Statement
from app.tasks import statements
from benchmarks.harness.api import TaskKey
from config import BASIC

INDEXES = {"tasks_pkey", "users_pkey", "deleted_tasks_pkey"}
STATEMENTS = {
    "list": statements.LIST[BASIC],
    "get": statements.GET[BASIC],
    "add": statements.ADD[BASIC],
    "update": statements.UPDATE[BASIC],
    "set_completed": statements.SET_COMPLETED[BASIC],
    "delete": statements.DELETE,
}
KINDS = ("custom", "generic")


@dataclass(frozen=True)
class Plan:
    """The output of `EXPLAIN` for a statement, planned for its parameters ("custom") or for any ("generic")."""

    statement: str
    kind: str
    lines: list[str]

    @property
    def nodes(self) -> list[str]:
        """The nodes of the plan, from the top."""
        return re.findall(r"^\W*(\w.*?)  \(cost=", "\n".join(self.lines), re.MULTILINE)

    @property
    def faults(self) -> list[str]:
        """What should not be in the plan: a sort, a sequential scan, or any index but the primary keys."""
        faults = [node for node in self.nodes if "Sort" in node or "Seq Scan" in node]
        indexes = re.findall(r"Index .*?(?:using|on) (\w+)", "\n".join(self.nodes))
        if not set(indexes) <= INDEXES:
            faults.append(f"not only {', '.join(sorted(INDEXES))}, but {indexes}")
        return faults

    def find_first(self, label: str) -> str:
        """Return the first value with that label, or an empty string."""
        found = re.search(rf"{label}: (.+)", "\n".join(self.lines))
        return found[1] if found else ""


def explain_statements(url: str, key: TaskKey) -> list[Plan]:
    """Explain every statement of the API, for that task and its owner, in the database at that URL."""
    values = {
        "app_user_id": key.user_id,
        "owner": key.user_id,
        "task_id": key.task_id,
        "new_title": "Changed",
        "new_description": None,
        "has_description": False,
        "new_completed": True,
        "accepted": None,
        "seen": None,
        "epoch": "5f0c7d2be1a94c36",
        "most": 0,
    }
    return [
        Plan(name, kind, _explain(url, statement, kind, values))
        for kind in KINDS
        for name, statement in STATEMENTS.items()
    ]


def _explain(url: str, statement: Statement, kind: str, values: Mapping[str, Any]) -> list[str]:
    """Run the statement as the service does, and roll back what it changes."""
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(f"SET plan_cache_mode = force_{kind}_plan")
        cursor.execute(f"{AS_USER}{statement.prepare}EXPLAIN (ANALYZE, BUFFERS) {statement.execute}", values)
        return [line for (line,) in cursor.fetchall()]
