"""The table `tasks`."""

from datetime import datetime

from sqlalchemy import CheckConstraint, DateTime, String, Uuid, false, func
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import db

# Lengths in Unicode characters.
USER_ID_MAX = 255
TITLE_MAX = 500
DESCRIPTION_MAX = 5000


class Task(db.Model):  # type: ignore[name-defined]
    """One task of one user. The owner is part of the key, so no lookup can forget it.

    `id` is a UUID version 7 (RFC 9562), so the order of a user's ids is the order of creation.
    """

    __tablename__ = "tasks"
    __table_args__ = (
        CheckConstraint("user_id <> ''", name="tasks_user_id_not_empty"),
        CheckConstraint("title <> ''", name="tasks_title_not_empty"),
    )

    # Compared byte by byte: fast, and no upgrade of the system's collations can corrupt the index.
    user_id: Mapped[str] = mapped_column(String(USER_ID_MAX, collation="C"), primary_key=True)
    id: Mapped[str] = mapped_column(Uuid(as_uuid=False), primary_key=True, server_default=func.uuidv7())
    title: Mapped[str] = mapped_column(String(TITLE_MAX))
    description: Mapped[str | None] = mapped_column(String(DESCRIPTION_MAX))
    completed: Mapped[bool] = mapped_column(server_default=false())
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
