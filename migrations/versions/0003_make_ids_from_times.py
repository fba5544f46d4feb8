"""Make ids from times, so that a row can be inserted whose id and times are one reading of the clock."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# The layout of 0001: 48 bits of milliseconds, 12 bits of their fraction, and the random bits of a version 4.
CREATE_UUIDV7_AT = """
CREATE FUNCTION uuidv7_at(at timestamptz) RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE AS $function$
    SELECT encode(
        overlay(
            uuid_send(gen_random_uuid())
            PLACING int8send(
                floor(extract(epoch FROM at) * 1000000)::bigint / 1000 << 16 | 28672
                | floor(extract(epoch FROM at) * 1000000)::bigint % 1000 * 4096 / 1000
            ) FROM 1
        ),
        'hex'
    )::uuid
$function$
"""


def upgrade() -> None:
    op.execute(CREATE_UUIDV7_AT)


def downgrade() -> None:
    op.execute("DROP FUNCTION uuidv7_at(timestamptz)")
