"""What a client may ask a list for: filters, order and page, as the contract has them."""

from dataclasses import replace
from datetime import datetime

from app.tasks.criteria import ASCENDING, BY_CREATION, DESCENDING, SORTS, Criteria
from app.tasks.dates import read_moment
from app.tasks.schemas import PRIORITIES
from app.web.cursors import read_cursor
from app.web.fields import BAD_CURSOR, CONFLICT, NOT_A_DATE
from app.web.query import Query
from app.web.views import read_view

STATUSES = {
    "all": None,
    "pending": False,
    "completed": True,
    "active": False,
    "done": True,
}
SWITCHES = {"true": True, "false": False}
NO_PRIORITY = "none"
PRIORITY_FILTERS = (*PRIORITIES, NO_PRIORITY)
SORT_NAMES = {name: name for name in SORTS}
ORDERS = {name: name for name in (ASCENDING, DESCENDING)}
LIMIT_MAX = 1000
NEXT_REPLACES = ("cursor", "offset", "skip")  # parameters, in a link to the next page


def read_criteria(user_id: str) -> Criteria:
    """Return what the query asks for. Raises `InvalidRequest`."""
    query = Query()
    view = read_view(query)
    if query.is_empty:
        query.require_no_faults()
        return Criteria(view, {})  # What most clients ask for: to look for each parameter takes 25 µs.
    filters = {
        "completed": _read_completed(query),
        "priorities": query.read_words(PRIORITY_FILTERS, "priority"),
        "tags": _read_tags(query),
        "words": (query.read_text("search", "q") or "").split() or None,
        "due_before": _read_moment(query, "due_before"),
        "due_after": _read_moment(query, "due_after"),
    }
    criteria = Criteria(
        view,
        filters,
        query.read_word(SORT_NAMES, "sort_by", "sort") or BY_CREATION,
        query.read_word(ORDERS, "order", "sort_order") or ASCENDING,
        query.read_integer("limit", least=1, most=LIMIT_MAX),
        query.read_integer("offset", "skip", least=0) or 0,
    )
    criteria = _read_position(query, criteria, user_id)
    query.require_no_faults()
    return criteria


def _read_completed(query: Query) -> list[bool] | None:
    """Return the states of completion that match: none, where `status` and `completed` contradict each other."""
    wanted = {query.read_word(STATUSES, "status"), query.read_word(SWITCHES, "completed")} - {None}
    if not wanted:
        return None
    return [] if len(wanted) > 1 else [state for state in wanted if state is not None]


def _read_tags(query: Query) -> list[str] | None:
    joined = query.read_text("tags") or ""
    return [*filter(None, joined.split(",")), *query.read_texts("tag")] or None


def _read_moment(query: Query, name: str) -> datetime | None:
    text = query.read_text(name)
    if text is None:
        return None
    moment = read_moment(text)
    if moment is None:
        query.refuse(name, NOT_A_DATE)
    return moment


def _read_position(query: Query, criteria: Criteria, user_id: str) -> Criteria:
    """Return the same with the position that the cursor names."""
    cursor, offset = query.find("cursor"), query.find("offset", "skip")
    if cursor is None:
        return criteria
    if offset is not None:
        query.refuse(offset[0], CONFLICT(f"{offset[0]} and cursor exclude each other"))
        return criteria
    position = read_cursor(cursor[1], criteria.bound_to(user_id))
    if position is None:
        query.refuse("cursor", BAD_CURSOR)
        return criteria
    key, task_id = position
    return replace(criteria, skipped=0, position=(key, task_id))
