"""Let the database itself keep the users apart: a session sees and changes the tasks of `app.user_id` only."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Without a user the setting is null, or empty where there was one before: no task has such an owner.
    op.execute("CREATE POLICY tasks_owner ON tasks USING (user_id = current_setting('app.user_id', true))")
    # Forced, so that the owner of the table is bound too: that is our own role.
    op.execute("ALTER TABLE tasks ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")


def downgrade() -> None:
    op.execute("ALTER TABLE tasks DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY")
    op.execute("DROP POLICY tasks_owner ON tasks")
