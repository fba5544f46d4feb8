"""The tables `tasks` and `idempotency_keys`."""

from datetime import datetime

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, DateTime, LargeBinary, String, Text, Uuid, false, func, text
from sqlalchemy.orm import Mapped, mapped_column

from app.database.ownership import OWNER
from app.extensions import db

# Lengths in Unicode characters.
TITLE_MAX = 500
DESCRIPTION_MAX = 5000
TAG_MAX = 50
TAGS_MAX = 20  # tags of a task
KEY_MAX = 255


class Task(db.Model):  # type: ignore[name-defined]  # mypy does not see that it is a class.
    """One task of one user. The owner is part of the key, so no lookup can forget it.

    `id` is a UUID version 7 (RFC 9562), so the order of a user's ids is the order of creation.
    """

    __tablename__ = "tasks"
    __table_args__ = (
        CheckConstraint("user_id <> ''", name="tasks_user_id_not_empty"),
        CheckConstraint("title <> ''", name="tasks_title_not_empty"),
    )

    user_id: Mapped[str] = mapped_column(OWNER, primary_key=True)
    id: Mapped[str] = mapped_column(Uuid(as_uuid=False), primary_key=True, server_default=func.uuidv7())
    title: Mapped[str] = mapped_column(String(TITLE_MAX))
    description: Mapped[str | None] = mapped_column(String(DESCRIPTION_MAX))
    completed: Mapped[bool] = mapped_column(server_default=false())
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    version: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    priority: Mapped[str | None] = mapped_column(String(6))
    due_date: Mapped[str | None] = mapped_column(String(20))  # as in JSON: a date, a time on the wall, or an instant
    time_zone: Mapped[str | None] = mapped_column(String(64))
    tags: Mapped[list[str]] = mapped_column(ARRAY(String(TAG_MAX)), server_default="{}")
    recurrence: Mapped[str | None] = mapped_column(String(500))
    recurrence_from: Mapped[str] = mapped_column(String(10), server_default="due")
    completed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    # The due dates whose completion has made the next task.
    succeeded: Mapped[list[str]] = mapped_column(ARRAY(String(20)), server_default="{}")


class IdempotencyKey(db.Model):  # type: ignore[name-defined]  # mypy does not see that it is a class.
    """A request that a client may repeat, and what it was answered (`Idempotency-Key`)."""

    __tablename__ = "idempotency_keys"

    user_id: Mapped[str] = mapped_column(OWNER, primary_key=True)
    key: Mapped[str] = mapped_column(String(KEY_MAX, collation="C"), primary_key=True)
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary)  # of method, path and meaning of the body
    answer: Mapped[str] = mapped_column(Text)  # the task, as JSON
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
