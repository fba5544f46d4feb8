"""Every SQL statement about tasks."""

from typing import Any

import sqlalchemy as sa

from app.database.statement import Statement
from app.tasks.models import Task

FIELDS = ("id", "user_id", "title", "description", "completed", "created_at", "updated_at")

tasks = Task.__table__


def _as_sent(column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    """Have the server write ids and times as the strings of JSON, which is cheaper than making objects of them first.

    Times come in UTC whatever the session's time zone, and always with six digits.
    """
    if isinstance(column.type, sa.DateTime):
        return sa.func.to_char(_in_utc(column), sa.literal_column("""'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'"""))
    return _as_returned(column)


def _as_returned(column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    """Like `_as_sent`, for a changed row, but leave times to Python: Citus allows no `to_char` in `RETURNING`."""
    if isinstance(column.type, sa.Uuid):
        return sa.cast(column, sa.Text)
    return _in_utc(column) if isinstance(column.type, sa.DateTime) else column


def _in_utc(time: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """Take the time zone from a time that has one, or give it to one that has none."""
    return sa.func.timezone(sa.literal_column("'UTC'"), time)


def _parameter(name: str, column: sa.Column[Any]) -> sa.BindParameter[Any]:
    return sa.bindparam(name, type_=column.type)


AS_SENT = [_as_sent(tasks.c[name]) for name in FIELDS]
AS_RETURNED = [_as_returned(tasks.c[name]) for name in FIELDS]

# SQLAlchemy reserves the names of the columns in INSERT and UPDATE, so the parameters have others.
OWNER = _parameter("owner", tasks.c.user_id)
TITLE = _parameter("new_title", tasks.c.title)
DESCRIPTION = _parameter("new_description", tasks.c.description)
COMPLETED = _parameter("new_completed", tasks.c.completed)

THIS_TASK = sa.and_(tasks.c.user_id == OWNER, tasks.c.id == _parameter("task_id", tasks.c.id))

# The id and the times come from one reading of the clock, so that all of them have the same order.
NOW = sa.func.statement_timestamp()

# `updated_at` must grow with every change, even if the clock went back or a racing change read it later. Citus allows
# no timestamptz arithmetic in UPDATE, hence the detour through UTC.
MICROSECOND: sa.ColumnElement[Any] = sa.literal_column("interval '1 microsecond'")
LATER = sa.func.greatest(NOW, _in_utc(_in_utc(tasks.c.updated_at) + MICROSECOND))

LIST = Statement("list", sa.select(*AS_SENT).where(tasks.c.user_id == OWNER).order_by(tasks.c.id))
GET = Statement("get", sa.select(*AS_SENT).where(THIS_TASK))
ADD = Statement(
    "add",
    sa.insert(tasks)
    .values(
        id=sa.func.uuidv7_at(NOW),
        user_id=OWNER,
        title=TITLE,
        description=DESCRIPTION,
        completed=COMPLETED,
        created_at=NOW,
        updated_at=NOW,
    )
    .returning(*AS_RETURNED),
)
UPDATE = Statement(
    "update",
    sa.update(tasks)
    .where(THIS_TASK)
    .values(
        title=sa.func.coalesce(TITLE, tasks.c.title),
        description=sa.case((_parameter("has_description", tasks.c.completed), DESCRIPTION), else_=tasks.c.description),
        completed=sa.func.coalesce(COMPLETED, tasks.c.completed),
        updated_at=LATER,
    )
    .returning(*AS_RETURNED),
)
SET_COMPLETED = Statement(
    "set_completed",
    sa.update(tasks)
    .where(THIS_TASK)
    .values(completed=sa.func.coalesce(COMPLETED, ~tasks.c.completed), updated_at=LATER)
    .returning(*AS_RETURNED),
)
DELETE = Statement("delete", sa.delete(tasks).where(THIS_TASK).returning(tasks.c.id))

ALL = {
    "list": LIST,
    "get": GET,
    "add": ADD,
    "update": UPDATE,
    "set_completed": SET_COMPLETED,
    "delete": DELETE,
}
