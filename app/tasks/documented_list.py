"""The query parameters of the list, for the OpenAPI document. `app.tasks.filters` reads them."""

from typing import Any

from app.tasks.criteria import SORTS
from app.tasks.filters import LIMIT_MAX, NO_PRIORITY, ORDERS, STATUSES
from app.tasks.schemas import DUE_DATE, PRIORITIES
from app.web.documented_headers import describe_query, refer_to_schema

SCHEMAS: dict[str, dict[str, Any]] = {
    "TaskStatus": {"type": "string", "enum": [*STATUSES]},
    "SortBy": {"type": "string", "enum": [*SORTS]},
    "Order": {"type": "string", "enum": [*ORDERS]},
}
LIMIT = {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "examples": [50]}


def _text(*examples: str) -> dict[str, Any]:
    return {"type": "string", "examples": [*examples]}


LIST_PARAMETERS = [
    describe_query(
        "status", "By completion; `active` is `pending`, and `done` is `completed`.", refer_to_schema("TaskStatus")
    ),
    describe_query("completed", "By completion.", {"type": "boolean"}),
    describe_query(
        "priority",
        f"Tasks with any of these: {', '.join(PRIORITIES)} and {NO_PRIORITY}, joined by commas.",
        _text("high,none"),
    ),
    describe_query("tags", "Tasks that have all of these, joined by commas.", _text("home,garden")),
    describe_query(
        "tag",
        "Tasks that have this one; may be repeated, and is not split at commas.",
        {"type": "array", "items": {"type": "string"}, "examples": [["home"]]},
    ),
    describe_query("search", "Every word is somewhere in title or description, whatever its case.", _text("milk")),
    describe_query("q", "The same as `search`.", _text("milk")),
    describe_query("due_before", f"Tasks due before. {DUE_DATE}", _text("2026-04-01", "2026-04-01T09:00:00Z")),
    describe_query("due_after", f"Tasks due at or after. {DUE_DATE}", _text("2026-03-01")),
    describe_query(
        "sort_by", "`created_at` unless sent. Tasks that have no such value come last.", refer_to_schema("SortBy")
    ),
    describe_query("sort", "The same as `sort_by`.", refer_to_schema("SortBy")),
    describe_query("order", "`asc` unless sent.", refer_to_schema("Order")),
    describe_query("sort_order", "The same as `order`.", refer_to_schema("Order")),
    describe_query("limit", "At most so many; without it, all of them.", LIMIT),
    describe_query("cursor", "Go on where the page before ended; `Link` has it.", {"type": "string"}),
    describe_query(
        "offset",
        "Leave out so many tasks, for numbered pages; not with `cursor`.",
        {"type": "integer", "minimum": 0, "examples": [50]},
    ),
    describe_query("skip", "The same as `offset`.", {"type": "integer", "minimum": 0, "examples": [50]}),
]
