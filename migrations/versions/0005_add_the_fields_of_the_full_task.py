"""Add due date, priority, tags, recurrence and the time of completion. No existing row is written."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

COLUMNS = ("priority", "due_date", "time_zone", "tags", "recurrence", "recurrence_from", "completed_at", "succeeded")

# The due date of the next occurrence, or null where there is none: none after UNTIL, and none within the bounds of the
# search, which end a rule that never comes true for this due date. Dates are reckoned on the calendar of the wall: in
# the zone of the task, or in UTC. The rule is one that app/tasks/recurrence.py lets pass.
CREATE_NEXT_DUE_DATE = r"""
CREATE FUNCTION next_due_date(rule text, counted_from text, due text, zone text, now timestamptz)
RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $function$
DECLARE
    today date := timezone(coalesce(zone, 'UTC'), now)::date;
    start date := CASE WHEN counted_from = 'completion' THEN today ELSE left(due, 10)::date END;
    found date := next_date(rule, start, greatest(start, today));
    next_due text := to_char(found, 'YYYY-MM-DD') || substr(due, 11);
    last text := substring(rule FROM 'UNTIL=([0-9TZ]+)');
BEGIN
    IF found IS NULL OR found > date '9999-12-31' THEN
        RETURN NULL;
    END IF;
    IF last LIKE '%Z' THEN
        IF rtrim(next_due, 'Z')::timestamp > timezone(coalesce(zone, 'UTC'), last::timestamptz) THEN
            RETURN NULL;
        END IF;
    ELSIF length(last) = 8 THEN
        IF found > last::date THEN
            RETURN NULL;
        END IF;
    ELSIF rtrim(next_due, 'Z')::timestamp > last::timestamp THEN
        RETURN NULL;
    END IF;
    RETURN next_due;
END
$function$
"""

# The first date of a rule after a date, for a series that begins at `start` (RFC 5545, section 3.3.10; weeks begin on
# Monday).
CREATE_NEXT_DATE = r"""
CREATE FUNCTION next_date(rule text, start date, after date)
RETURNS date LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $function$
DECLARE
    frequency text := substring(rule FROM 'FREQ=([A-Z]+)');
    step integer := coalesce(substring(rule FROM 'INTERVAL=([0-9]+)')::integer, 1);
    days text[] := string_to_array(substring(rule FROM 'BYDAY=([^;]+)'), ',');
    month_days integer[] := string_to_array(substring(rule FROM 'BYMONTHDAY=([^;]+)'), ',')::integer[];
    months integer[] := string_to_array(substring(rule FROM 'BYMONTH=([^;]+)'), ',')::integer[];
    names constant text[] := ARRAY['MO', 'TU', 'WE', 'TH', 'FR', 'SA', 'SU'];
    first date;
    last_day integer;
    day date;
    number integer;
    name text;
BEGIN
    -- What the rule does not say, the start does.
    IF days IS NULL AND month_days IS NULL THEN
        IF frequency = 'YEARLY' AND months IS NULL THEN
            months := ARRAY[extract(month FROM start)::integer];
        END IF;
        IF frequency IN ('YEARLY', 'MONTHLY') THEN
            month_days := ARRAY[extract(day FROM start)::integer];
        ELSIF frequency = 'WEEKLY' THEN
            days := ARRAY[names[extract(isodow FROM start)::integer]];
        END IF;
    END IF;

    IF frequency = 'DAILY' THEN
        day := start + ((after - start) / step) * step;
        FOR attempt IN 1..20000 LOOP
            day := day + step;
            IF (months IS NULL OR extract(month FROM day)::integer = ANY (months))
                AND (days IS NULL OR names[extract(isodow FROM day)::integer] = ANY (days))
                AND is_month_day(day, month_days)
            THEN
                RETURN day;
            END IF;
        END LOOP;
        RETURN NULL;
    END IF;

    IF frequency = 'WEEKLY' THEN
        first := date_trunc('week', start)::date;
        first := first + ((after - first) / 7 / step) * step * 7;
        FOR attempt IN 1..3000 LOOP
            FOR offset_in_week IN 0..6 LOOP
                day := first + offset_in_week;
                IF day > after AND names[offset_in_week + 1] = ANY (days)
                    AND (months IS NULL OR extract(month FROM day)::integer = ANY (months))
                THEN
                    RETURN day;
                END IF;
            END LOOP;
            first := first + step * 7;
        END LOOP;
        RETURN NULL;
    END IF;

    first := date_trunc('month', after)::date;
    FOR attempt IN 1..4800 LOOP
        number := CASE frequency
            WHEN 'YEARLY' THEN extract(year FROM first) - extract(year FROM start)
            ELSE 12 * (extract(year FROM first) - extract(year FROM start))
                + extract(month FROM first) - extract(month FROM start)
        END;
        IF number % step = 0 AND (months IS NULL OR extract(month FROM first)::integer = ANY (months)) THEN
            last_day := extract(day FROM first + interval '1 month' - interval '1 day');
            FOR number IN 1..last_day LOOP
                day := first + number - 1;
                name := names[extract(isodow FROM day)::integer];
                IF day > after AND is_month_day(day, month_days) AND (
                    days IS NULL
                    OR name = ANY (days)
                    OR (number + 6) / 7 || name = ANY (days)
                    OR '+' || (number + 6) / 7 || name = ANY (days)
                    OR (number - last_day - 7) / 7 || name = ANY (days)
                ) THEN
                    RETURN day;
                END IF;
            END LOOP;
        END IF;
        first := first + interval '1 month';
        IF first > date '9999-12-01' THEN
            RETURN NULL;
        END IF;
    END LOOP;
    RETURN NULL;
END
$function$
"""

# Whether a day is one of these days of its month, of which negative ones count from its end; null: any.
CREATE_IS_MONTH_DAY = """
CREATE FUNCTION is_month_day(day date, month_days integer[]) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $function$
    SELECT month_days IS NULL
        OR extract(day FROM day)::integer = ANY (month_days)
        OR (day - (date_trunc('month', day) + interval '1 month')::date) = ANY (month_days)
$function$
"""


def upgrade() -> None:
    op.add_column("tasks", sa.Column("priority", sa.String(6), nullable=True))
    op.add_column("tasks", sa.Column("due_date", sa.String(20), nullable=True))
    op.add_column("tasks", sa.Column("time_zone", sa.String(64), nullable=True))
    op.add_column("tasks", sa.Column("tags", ARRAY(sa.String(50)), server_default="{}", nullable=False))
    op.add_column("tasks", sa.Column("recurrence", sa.String(500), nullable=True))
    op.add_column("tasks", sa.Column("recurrence_from", sa.String(10), server_default="due", nullable=False))
    op.add_column("tasks", sa.Column("succeeded", sa.String(20), nullable=True))
    op.add_column("tasks", sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True))
    for statement in (CREATE_IS_MONTH_DAY, CREATE_NEXT_DATE, CREATE_NEXT_DUE_DATE):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP FUNCTION next_due_date(text, text, text, text, timestamptz)")
    op.execute("DROP FUNCTION next_date(text, date, date)")
    op.execute("DROP FUNCTION is_month_day(date, integer[])")
    for column in COLUMNS:
        op.drop_column("tasks", column)
