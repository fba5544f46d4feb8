"""The columns of a task in SQL: what a view reads, and what a list can be sorted by.

SQLAlchemy's `text` takes a colon for the beginning of a parameter; where it is none, it is written with a backslash.
"""

from config import BASIC, FULL

# The fields of the full view that a client may send.
SENT_FIELDS = ("priority", "due_date", "time_zone", "tags", "recurrence", "recurrence_from")
_BASIC_FIELDS = ("id", "title", "description", "completed", "created_at", "updated_at")
# The columns of a row of READ, in their order. The id of the user, who has asked, is not read again for each task.
FIELDS = {BASIC: _BASIC_FIELDS, FULL: (*_BASIC_FIELDS, *SENT_FIELDS, "completed_at", "version")}


def _as_json(time: str) -> str:
    """Have the server write a time as the string of JSON, which is cheaper than making an object of it first.

    Times come in UTC whatever the session's time zone, and always with six digits. An interval of 0 means UTC, too, and
    needs no search for the name of a zone.
    """
    return rf"""to_char(timezone(interval '0', {time}), 'YYYY-MM-DD"T"HH24\:MI\:SS.US"Z"')"""


# `updated_at` is null where it is the same as `created_at`: to write a time is a fifth of reading a task.
_READ_BASIC = f"""
    id::text AS id, title, description, completed, {_as_json("created_at")} AS created_at,
    CASE WHEN updated_at <> created_at THEN {_as_json("updated_at")} END AS updated_at"""
READ = {
    BASIC: _READ_BASIC,
    FULL: f"""{_READ_BASIC},
    {", ".join(SENT_FIELDS)}, {_as_json("completed_at")} AS completed_at, version""",
}
# The same of a task that is changed, always with its version at the end, and with times for Python to write: Citus
# allows no `to_char` in RETURNING.
_CHANGED_BASIC = """
    tasks.id::text AS id, tasks.title, tasks.description, tasks.completed,
    timezone('UTC', tasks.created_at) AS created_at, timezone('UTC', tasks.updated_at) AS updated_at"""
CHANGED = {
    BASIC: f"{_CHANGED_BASIC}, tasks.version",
    FULL: f"""{_CHANGED_BASIC},
    {", ".join(f"tasks.{name}" for name in SENT_FIELDS)}, timezone('UTC', tasks.completed_at) AS completed_at,
    tasks.version""",
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
