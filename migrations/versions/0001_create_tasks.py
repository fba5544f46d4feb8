"""Create the table `tasks`, with ids that tell the order of creation."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# PostgreSQL 18 has this function; for older servers, here is one of the same name and layout (RFC 9562, 5.7 and 6.2,
# method 3): 48 bits of milliseconds, 12 bits of their fraction, and the random bits of a version 4.
CREATE_UUIDV7 = """
DO $migration$
BEGIN
    IF to_regprocedure('uuidv7()') IS NULL THEN
        CREATE FUNCTION uuidv7() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE AS $function$
            SELECT encode(
                overlay(
                    uuid_send(gen_random_uuid())
                    PLACING int8send(us / 1000 << 16 | 28672 | us % 1000 * 4096 / 1000) FROM 1
                ),
                'hex'
            )::uuid
            FROM (SELECT floor(extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS us) AS now
        $function$;
    END IF;
END
$migration$
"""

# The inverse: the time in such an id, to the microsecond.
CREATE_UUIDV7_TIMESTAMP = """
CREATE FUNCTION uuidv7_timestamp(id uuid) RETURNS timestamptz LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $function$
    SELECT to_timestamp(((bits >> 16) * 1000 + ((bits & 4095) * 1000 + 4095) / 4096) / 1000000.0::float8)
    FROM (SELECT ('x' || left(replace(id::text, '-', ''), 16))::bit(64)::bigint AS bits) AS first_half
$function$
"""

# Not the server's own.
DROP_UUIDV7 = """
DO $migration$
BEGIN
    IF EXISTS (SELECT FROM pg_proc WHERE proname = 'uuidv7' AND pronamespace = current_schema()::regnamespace) THEN
        EXECUTE format('DROP FUNCTION %I.uuidv7()', current_schema());
    END IF;
END
$migration$
"""


def upgrade() -> None:
    op.execute(CREATE_UUIDV7)
    op.execute(CREATE_UUIDV7_TIMESTAMP)
    op.create_table(
        "tasks",
        sa.Column("user_id", sa.String(255, collation="C"), nullable=False),
        sa.Column("id", sa.Uuid(), server_default=sa.func.uuidv7(), nullable=False),
        sa.Column("title", sa.String(500), nullable=False),
        sa.Column("description", sa.String(5000), nullable=True),
        sa.Column("completed", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint("user_id <> ''", name="tasks_user_id_not_empty"),
        sa.CheckConstraint("title <> ''", name="tasks_title_not_empty"),
        sa.PrimaryKeyConstraint("user_id", "id", name="tasks_pkey"),
    )


def downgrade() -> None:
    op.drop_table("tasks")
    op.execute("DROP FUNCTION uuidv7_timestamp(uuid)")
    op.execute(DROP_UUIDV7)
