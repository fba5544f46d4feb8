"""All statements of the application, with parameters for each, for what looks at their plans and their text."""

import re
from importlib import import_module
from pkgutil import walk_packages
from typing import Any

import app
from app.database.statement import Statement

MODULES = re.compile(r"app\.\w+\.(?:\w+_)?statements")
PARAMETER = re.compile(r"%\((\w+)\)s")
NAME = re.compile(r"tasks_(\w+)_\d{4}_[0-9a-f]{8}")

TASK_ID = "019be525-857b-774b-8b5e-5d2f8a6c3e10"
# What a request may send, beside the user and the id of a task. Whatever is not here is null.
VALUES: dict[str, Any] = {
    "accepted": [1, 2, 3],
    "after_id": TASK_ID,
    "after_key": "5",
    "began": 0,
    "completed": [False],
    "due_after": "2026-01-22T10:00:00Z",
    "due_before": "2027-01-22T10:00:00Z",
    "epoch": "5f0c7d2be1a94c36",
    "fingerprint": b"of a request",
    "key": "5f0c7d2b",
    "most": 1000,
    "must_count": True,
    "new_completed": True,
    "new_recurrence_from": "due",
    "new_tags": ["home"],
    "new_title": "Changed",
    "priorities": ["high", "none"],
    "reached": 0,
    "seen": ["5f0c7d2be1a94c36-1"],
    "skipped": 1,
    "tags": ["home"],
    "view": "basic",
    "words": ["milk"],
}


def name_of(statement: Statement) -> str:
    """Return the name that the statement was given, without migration and hash."""
    found = NAME.fullmatch(statement.name)
    assert found, statement.name
    return found[1]


def parameters_for(statement: Statement, user_id: str, task_id: str = TASK_ID, **others: Any) -> dict[str, Any]:
    """Return parameters of the statement, about that task of that user."""
    values = {**VALUES, "owner": user_id, "task_id": task_id, **others}
    names = set(PARAMETER.findall(statement.execute))
    return {name: values.get(name, False if name.startswith("has_") else None) for name in names}


def _find_all() -> dict[str, Statement]:
    found: dict[str, Statement] = {}
    for module in walk_packages(app.__path__, "app."):
        if MODULES.fullmatch(module.name):
            for value in vars(import_module(module.name)).values():
                for statement in value.values() if isinstance(value, dict) else [value]:
                    if isinstance(statement, Statement):
                        assert found.setdefault(name_of(statement), statement) is statement, "two of the same name"
    return found


ALL = _find_all()
