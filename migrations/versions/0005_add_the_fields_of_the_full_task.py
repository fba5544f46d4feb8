"""Add due date, priority, tags, recurrence and the time of completion. No existing row is written."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

COLUMNS = ("priority", "due_date", "time_zone", "tags", "recurrence", "recurrence_from", "completed_at", "succeeded")

# The name by which `timezone` knows a zone for certain. It takes some names of zones for abbreviations, which have no
# daylight saving time, and which may depend on the zone of the session.
CREATE_PLACE_OF = """
CREATE FUNCTION place_of(zone text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $function$
    SELECT CASE zone
        WHEN 'CET' THEN 'Europe/Brussels' WHEN 'MET' THEN 'Europe/Brussels' WHEN 'EET' THEN 'Europe/Athens'
        WHEN 'WET' THEN 'Europe/Lisbon' WHEN 'EST' THEN 'America/Panama' WHEN 'MST' THEN 'America/Phoenix'
        WHEN 'HST' THEN 'Pacific/Honolulu' ELSE zone
    END
$function$
"""

# The due date of the next occurrence, or null where there is none: none after UNTIL, and none within the bounds of the
# search, which end a rule that never comes true for this due date. Dates are reckoned on the calendar of the wall: in
# the zone of the task, or in UTC. The rule is one that app/tasks/recurrence.py lets pass.
CREATE_NEXT_DUE_DATE = r"""
CREATE FUNCTION next_due_date(rule text, counted_from text, due text, zone text, now timestamptz)
RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $function$
DECLARE
    place text := coalesce(place_of(zone), 'UTC');
    today date := timezone(place, now)::date;
    start date := CASE WHEN counted_from = 'completion' THEN today ELSE left(due, 10)::date END;
    found date := next_date(rule, start, greatest(start, today));
    next_due text := to_char(found, 'YYYY-MM-DD') || substr(due, 11);
    last text := substring(rule FROM 'UNTIL=([0-9TZ]+)');
BEGIN
    IF found IS NULL OR found > date '9999-12-31' THEN
        RETURN NULL;
    END IF;
    IF last LIKE '%Z' THEN
        IF rtrim(next_due, 'Z')::timestamp > timezone(place, last::timestamptz) THEN
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
# Monday). A weekday is a number from 1 to 7; the n-th of a month is 10 n more, and one from its end is negative.
#
# Only days, weeks and months that the interval can mean are looked at. The calendar repeats itself after 400 years:
# days are looked at for so long, and months until the interval has met all of them that it can meet. This takes a few
# milliseconds at most.
CREATE_NEXT_DATE = r"""
CREATE FUNCTION next_date(rule text, start date, after date)
RETURNS date LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $function$
DECLARE
    frequency text := substring(rule FROM 'FREQ=([A-Z]+)');
    step integer := coalesce(substring(rule FROM 'INTERVAL=([0-9]+)')::integer, 1);
    month_days integer[] := string_to_array(substring(rule FROM 'BYMONTHDAY=([^;]+)'), ',')::integer[];
    months integer[] := string_to_array(substring(rule FROM 'BYMONTH=([^;]+)'), ',')::integer[];
    weekdays integer[];
    start_month integer := 12 * extract(year FROM start)::integer + extract(month FROM start)::integer - 1;
    after_month integer := 12 * extract(year FROM after)::integer + extract(month FROM after)::integer - 1;
    month integer;  -- counted from the year 0
    in_year integer;
    year integer;
    last_day integer;
    candidates integer[];  -- for each length of a month, the days of the month that the rule allows, then zeros
    first date;
    weekday integer;
    number integer;
    day date;
    attempts integer;
BEGIN
    SELECT array_agg(
        (CASE WHEN name LIKE '-%' THEN -1 ELSE 1 END) * (
            10 * coalesce(substring(name FROM '[0-9]+')::integer, 0)
            + array_position(ARRAY['MO', 'TU', 'WE', 'TH', 'FR', 'SA', 'SU'], right(name, 2))
        )
    )
    INTO weekdays
    FROM unnest(string_to_array(substring(rule FROM 'BYDAY=([^;]+)'), ',')) AS name;
    -- What the rule does not say, the start does.
    IF weekdays IS NULL AND month_days IS NULL THEN
        IF frequency = 'YEARLY' AND months IS NULL THEN
            months := ARRAY[extract(month FROM start)::integer];
        END IF;
        IF frequency IN ('YEARLY', 'MONTHLY') THEN
            month_days := ARRAY[extract(day FROM start)::integer];
        ELSIF frequency = 'WEEKLY' THEN
            weekdays := ARRAY[extract(isodow FROM start)::integer];
        END IF;
    END IF;

    IF frequency = 'WEEKLY' THEN
        first := date_trunc('week', start)::date;
        first := first + ((after - first) / 7 / step) * step * 7;
        FOR attempt IN 1..4800 LOOP
            IF months IS NULL OR extract(month FROM first)::integer = ANY (months)
                OR extract(month FROM first + 6)::integer = ANY (months)
            THEN
                FOR weekday IN 1..7 LOOP
                    day := first + weekday - 1;
                    IF day > after AND weekday = ANY (weekdays)
                        AND (months IS NULL OR extract(month FROM day)::integer = ANY (months))
                    THEN
                        RETURN day;
                    END IF;
                END LOOP;
            END IF;
            first := first + step * 7;
        END LOOP;
        RETURN NULL;
    END IF;

    IF frequency = 'DAILY' THEN
        IF month_days IS NULL AND months IS NULL AND weekdays IS NULL THEN
            RETURN start + ((after - start) / step + 1) * step;
        END IF;
        IF step % 7 = 0 AND NOT extract(isodow FROM start)::integer = ANY (weekdays) THEN
            RETURN NULL;
        END IF;
        number := (after - start) / step;
        -- The series is in the list of columns, so that LIMIT ends it; in FROM, all of it would be made first.
        RETURN (
            SELECT each
            FROM (SELECT start + step * generate_series(number + 1, number + 146097 / step + 1) AS each) AS days
            WHERE (
                month_days IS NULL
                OR date_part('day', each)::integer = ANY (month_days)
                OR each - (date_trunc('month', each::timestamp) + interval '1 month')::date = ANY (month_days)
            )
            AND (months IS NULL OR date_part('month', each)::integer = ANY (months))
            AND (weekdays IS NULL OR date_part('isodow', each)::integer = ANY (weekdays))
            LIMIT 1
        );
    END IF;

    IF frequency = 'MONTHLY' THEN
        month := start_month + ((after_month - start_month) / step) * step;
        attempts := 4800 / gcd(4800, step) + 1;
    ELSE
        month := 12 * (start_month / 12 + ((after_month / 12 - start_month / 12) / step) * step);
        attempts := 4800 / gcd(400, step) + 12;
    END IF;
    SELECT array_agg(
        (
            ARRAY(
                SELECT each FROM generate_series(1, length) AS each
                WHERE month_days IS NULL OR each = ANY (month_days) OR each - length - 1 = ANY (month_days)
            ) || array_fill(0, ARRAY[31])
        )[1:31]
        ORDER BY length
    )
    INTO candidates
    FROM generate_series(28, 31) AS length;
    FOR attempt IN 1..attempts LOOP
        in_year := month % 12 + 1;
        IF months IS NULL OR in_year = ANY (months) THEN
            year := month / 12;
            EXIT WHEN year > 9999;
            last_day := CASE
                WHEN in_year IN (4, 6, 9, 11) THEN 30
                WHEN in_year <> 2 THEN 31
                WHEN year % 4 = 0 AND (year % 100 <> 0 OR year % 400 = 0) THEN 29
                ELSE 28
            END;
            first := make_date(year, in_year, 1);
            weekday := extract(isodow FROM first)::integer - 1;
            FOREACH number IN ARRAY candidates[last_day - 27:last_day - 27] LOOP
                EXIT WHEN number = 0;
                day := first + number - 1;
                IF day > after
                    AND (
                        weekdays IS NULL
                        OR (weekday + number - 1) % 7 + 1 = ANY (weekdays)
                        OR (number + 6) / 7 * 10 + (weekday + number - 1) % 7 + 1 = ANY (weekdays)
                        OR -((last_day - number) / 7 * 10 + 10 + (weekday + number - 1) % 7 + 1) = ANY (weekdays)
                    )
                THEN
                    RETURN day;
                END IF;
            END LOOP;
        END IF;
        month := month + CASE
            WHEN frequency = 'MONTHLY' THEN step
            WHEN in_year = 12 THEN 12 * step - 11
            ELSE 1
        END;
    END LOOP;
    RETURN NULL;
END
$function$
"""


def upgrade() -> None:
    op.add_column("tasks", sa.Column("priority", sa.String(6), nullable=True))
    op.add_column("tasks", sa.Column("due_date", sa.String(20), nullable=True))
    op.add_column("tasks", sa.Column("time_zone", sa.String(64), nullable=True))
    op.add_column("tasks", sa.Column("tags", ARRAY(sa.String(50)), server_default="{}", nullable=False))
    op.add_column("tasks", sa.Column("recurrence", sa.String(500), nullable=True))
    op.add_column("tasks", sa.Column("recurrence_from", sa.String(10), server_default="due", nullable=False))
    op.add_column("tasks", sa.Column("succeeded", ARRAY(sa.String(20)), server_default="{}", nullable=False))
    op.add_column("tasks", sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True))
    for statement in (CREATE_PLACE_OF, CREATE_NEXT_DATE, CREATE_NEXT_DUE_DATE):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP FUNCTION next_due_date(text, text, text, text, timestamptz)")
    op.execute("DROP FUNCTION next_date(text, date, date)")
    op.execute("DROP FUNCTION place_of(text)")
    for column in COLUMNS:
        op.drop_column("tasks", column)
