"""Add due date, priority, tags, recurrence and the time of completion. No existing row is written."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

COLUMNS = ("priority", "due_date", "time_zone", "tags", "recurrence", "recurrence_from", "completed_at")


def upgrade() -> None:
    op.add_column("tasks", sa.Column("priority", sa.String(6), nullable=True))
    op.add_column("tasks", sa.Column("due_date", sa.String(20), nullable=True))
    op.add_column("tasks", sa.Column("time_zone", sa.String(64), nullable=True))
    op.add_column("tasks", sa.Column("tags", ARRAY(sa.String(50)), server_default="{}", nullable=False))
    op.add_column("tasks", sa.Column("recurrence", sa.String(500), nullable=True))
    op.add_column("tasks", sa.Column("recurrence_from", sa.String(10), server_default="due", nullable=False))
    op.add_column("tasks", sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    for column in COLUMNS:
        op.drop_column("tasks", column)
