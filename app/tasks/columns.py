"""The columns of a task in SQL: what a view reads, and what a list can be sorted by.

SQLAlchemy's `text` takes a colon for the beginning of a parameter; where it is none, it is written with a backslash.
"""

from config import BASIC, FULL

# The fields of the full view that a client may send.
SENT_FIELDS = ("priority", "due_date", "time_zone", "tags", "recurrence", "recurrence_from")

# The server writes ids and times as the strings of JSON, which is cheaper than making objects of them first. Times
# come in UTC whatever the session's time zone, and always with six digits.
_JSON_TIME = r"""'YYYY-MM-DD"T"HH24\:MI\:SS.US"Z"'"""
_READ_BASIC = f"""
    id::text AS id, user_id, title, description, completed,
    to_char(timezone('UTC', created_at), {_JSON_TIME}) AS created_at,
    to_char(timezone('UTC', updated_at), {_JSON_TIME}) AS updated_at,
    version"""
READ = {
    BASIC: _READ_BASIC,
    FULL: f"""{_READ_BASIC},
    priority, due_date, time_zone, tags, recurrence, recurrence_from,
    to_char(timezone('UTC', completed_at), {_JSON_TIME}) AS completed_at""",
}
# The same of a task that is changed, but with times for Python to write: Citus allows no `to_char` in RETURNING.
_CHANGED_BASIC = """
    tasks.id::text AS id, tasks.user_id, tasks.title, tasks.description, tasks.completed,
    timezone('UTC', tasks.created_at) AS created_at, timezone('UTC', tasks.updated_at) AS updated_at,
    tasks.version"""
CHANGED = {
    BASIC: _CHANGED_BASIC,
    FULL: f"""{_CHANGED_BASIC},
    tasks.priority, tasks.due_date, tasks.time_zone, tasks.tags, tasks.recurrence, tasks.recurrence_from,
    timezone('UTC', tasks.completed_at) AS completed_at""",
}

# The moment that a due date means: a date is its midnight in UTC, a time on the wall is in its zone, or UTC.
DUE = r"""CASE
    WHEN due_date LIKE '%Z' THEN due_date::timestamptz
    ELSE timezone(coalesce(place_of(time_zone), 'UTC'), due_date::timestamp)
END"""


def _in_microseconds(time: str) -> str:
    return f"(extract(epoch FROM {time}) * 1000000)::bigint"


# What a list is sorted by, as bigint or as text, so that a cursor can hold it.
SORT_KEYS = {
    "created_at": _in_microseconds("created_at"),
    "updated_at": _in_microseconds("updated_at"),
    "title": "lower_case(title)",
    "due_date": _in_microseconds(DUE),
    "priority": "array_position(ARRAY['low', 'medium', 'high'], priority)::bigint",
    "completed_at": _in_microseconds("completed_at"),
}
TEXT_KEYS = ("title",)
