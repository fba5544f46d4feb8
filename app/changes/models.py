"""The tables `users` and `deleted_tasks`: how far the changes of each user are counted, and what was deleted."""

from datetime import datetime

from sqlalchemy import BigInteger, DateTime, String, Uuid, func, text
from sqlalchemy.orm import Mapped, mapped_column

from app.database.ownership import OWNER
from app.extensions import db


class User(db.Model):  # type: ignore[name-defined]  # mypy does not see that it is a class.
    """One row for each user who has ever changed a task.

    The statement that changes a task locks this row and counts `version` up, so versions are in the order of the
    commits. `epoch` tells one history of versions from another: an erasure and a restore from a back-up begin a new
    one.
    """

    __tablename__ = "users"
    __table_args__ = {"postgresql_with": {"fillfactor": 50}}  # Each change updates the row in its place (HOT).

    user_id: Mapped[str] = mapped_column(OWNER, primary_key=True)
    epoch: Mapped[str] = mapped_column(String(64))
    version: Mapped[int] = mapped_column(BigInteger)
    tasks: Mapped[int]  # How many tasks the user has.
    purged: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))  # Deletions up to here may be forgotten.


class DeletedTask(db.Model):  # type: ignore[name-defined]  # mypy does not see that it is a class.
    """The tombstone of a task: that it was deleted, and with which version."""

    __tablename__ = "deleted_tasks"

    user_id: Mapped[str] = mapped_column(OWNER, primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    id: Mapped[str] = mapped_column(Uuid(as_uuid=False), primary_key=True)
    deleted_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
