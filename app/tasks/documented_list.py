"""The query parameters of the list, for the OpenAPI document. `app.tasks.filters` reads them."""

from typing import Any

from app.tasks.criteria import SORTS
from app.tasks.filters import LIMIT_MAX, NO_PRIORITY, ORDERS, STATUSES
from app.tasks.schemas import DUE_DATE, PRIORITIES

SCHEMAS: dict[str, dict[str, Any]] = {
    "TaskStatus": {"type": "string", "enum": [*STATUSES]},
    "SortBy": {"type": "string", "enum": [*SORTS]},
    "Order": {"type": "string", "enum": [*ORDERS]},
}
LIMIT = {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "examples": [50]}


def _describe(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"in": "query", "name": name, "description": description, "schema": schema}


def _refer(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _text(*examples: str) -> dict[str, Any]:
    return {"type": "string", "examples": [*examples]} if examples else {"type": "string"}


SINCE = _describe("since", "The `token` of the answer before, or the `ETag` of a list without its quotes.", _text())
PAGE_OF_CHANGES = _describe("limit", f"At most so many tasks and deletions; {LIMIT_MAX} unless sent.", LIMIT)
LIST_PARAMETERS = [
    _describe("status", "By completion; `active` is `pending`, and `done` is `completed`.", _refer("TaskStatus")),
    _describe("completed", "By completion.", {"type": "boolean"}),
    _describe(
        "priority",
        f"Tasks with any of these: {', '.join(PRIORITIES)} and {NO_PRIORITY}, joined by commas.",
        _text("high,none"),
    ),
    _describe("tags", "Tasks that have all of these, joined by commas.", _text("home,garden")),
    _describe(
        "tag",
        "Tasks that have this one; may be repeated, and is not split at commas.",
        {"type": "array", "items": {"type": "string"}, "examples": [["home"]]},
    ),
    _describe("search", "Every word is somewhere in title or description, whatever its case.", _text("milk")),
    _describe("q", "The same as `search`.", _text("milk")),
    _describe("due_before", f"Tasks due before. {DUE_DATE}", _text("2026-04-01", "2026-04-01T09:00:00Z")),
    _describe("due_after", f"Tasks due at or after. {DUE_DATE}", _text("2026-03-01")),
    _describe("sort_by", "`created_at` unless sent. Tasks that have no such value come last.", _refer("SortBy")),
    _describe("sort", "The same as `sort_by`.", _refer("SortBy")),
    _describe("order", "`asc` unless sent.", _refer("Order")),
    _describe("sort_order", "The same as `order`.", _refer("Order")),
    _describe("limit", "At most so many; without it, all of them.", LIMIT),
    _describe("cursor", "Go on where the page before ended; `Link` has it.", _text()),
    _describe(
        "offset",
        "Leave out so many tasks, for numbered pages; not with `cursor`.",
        {"type": "integer", "minimum": 0, "examples": [50]},
    ),
    _describe("skip", "The same as `offset`.", {"type": "integer", "minimum": 0, "examples": [50]}),
]
