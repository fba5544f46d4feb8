"""Give each user a version that counts the changes, so that clients can ask what happened since; and remember requests.

Existing tasks get version 0 without being written: a column with a constant default is added to the catalogue only. The
row of a user in `users` is made with the first change, which also counts the tasks that are there by then.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

OWNER = sa.String(255, collation="C")

# On Citus, and only there, the new tables are spread like the tasks.
DISTRIBUTE = """
DO $migration$
BEGIN
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'citus') THEN
        IF EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = 'tasks'::regclass) THEN
            PERFORM create_distributed_table('users', 'user_id', colocate_with => 'tasks');
            PERFORM create_distributed_table('deleted_tasks', 'user_id', colocate_with => 'tasks');
            PERFORM create_distributed_table('idempotency_keys', 'user_id', colocate_with => 'tasks');
        END IF;
    END IF;
END
$migration$
"""

# The new tables get the row security that `tasks` has, on or off.
BIND_TO_OWNERS = """
DO $migration$
DECLARE
    is_forced boolean := (SELECT relforcerowsecurity FROM pg_class WHERE oid = 'tasks'::regclass);
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['users', 'deleted_tasks', 'idempotency_keys'] LOOP
        EXECUTE format(
            'CREATE POLICY %I ON %I USING (user_id = current_setting(''app.user_id'', true))', name || '_owner', name
        );
        IF is_forced THEN
            EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
        END IF;
    END LOOP;
END
$migration$
"""

# The lower case of all of Unicode, by the best collation that the server has. `lower` alone goes by the collation of
# the database, which is often "C" and knows ASCII only.
CREATE_LOWER_CASE = """
DO $migration$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['pg_unicode_fast', 'und-x-icu', 'pg_c_utf8', 'C.utf8', 'C.UTF-8', 'en_US.utf8'] LOOP
        BEGIN
            EXECUTE format('SELECT lower(%L COLLATE %I)', 'Ä', name);
            EXECUTE format(
                'CREATE FUNCTION lower_case(value text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE'
                ' AS $function$ SELECT lower(value COLLATE %I) COLLATE "C" $function$',
                name
            );
            RETURN;
        EXCEPTION WHEN undefined_object OR feature_not_supported THEN
            CONTINUE;
        END;
    END LOOP;
    RAISE EXCEPTION 'this server has no collation that knows the lower case of all of Unicode';
END
$migration$
"""


def upgrade() -> None:
    op.add_column("tasks", sa.Column("version", sa.BigInteger(), server_default="0", nullable=False))
    op.create_table(
        "users",
        sa.Column("user_id", OWNER, nullable=False),
        sa.Column("epoch", sa.String(64), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("tasks", sa.Integer(), nullable=False),
        sa.Column("purged", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="users_pkey"),
        postgresql_with={"fillfactor": 50},
    )
    op.create_table(
        "deleted_tasks",
        sa.Column("user_id", OWNER, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "version", "id", name="deleted_tasks_pkey"),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("user_id", OWNER, nullable=False),
        sa.Column("key", OWNER, nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "key", name="idempotency_keys_pkey"),
    )
    op.execute(CREATE_LOWER_CASE)
    op.execute(DISTRIBUTE)
    op.execute(BIND_TO_OWNERS)


def downgrade() -> None:
    for table in ("idempotency_keys", "deleted_tasks", "users"):
        op.drop_table(table)
    op.drop_column("tasks", "version")
    op.execute("DROP FUNCTION lower_case(text)")
