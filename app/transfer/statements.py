"""The SQL statements for everything of one user."""

from sqlalchemy import text

from app.database.statement import Script, Statement
from app.tasks.columns import READ
from config import FULL

# Epoch and version of the user, the number of tasks, and the time zones that they have.
EXPORT_HEAD = Statement(
    "export_head",
    text("""
    SELECT u.epoch, u.version, found.tasks, found.time_zones
    FROM (VALUES (1)) AS one
    LEFT JOIN users AS u ON u.user_id = :owner
    LEFT JOIN LATERAL (
        SELECT count(*) AS tasks, array_agg(DISTINCT time_zone) FILTER (WHERE time_zone IS NOT NULL) AS time_zones
        FROM tasks WHERE user_id = :owner
    ) AS found ON true
    """),
    only_reads=True,
)
EXPORT = Statement(
    "export",
    text(f"SELECT {READ[FULL]} FROM tasks WHERE user_id = :owner ORDER BY tasks.id"),
    only_reads=True,
)

NO_EPOCH = "0"  # of a user who has never changed a task: the row is there only to be locked

# Epoch and version of the user where the tag of the list is not accepted, and nothing is erased. No row: all is erased.
#
# Locks are taken in the usual order, the tasks and then the row of the user. That row is made if there is none, so that
# a first task that is being created is waited for, too. Each statement sees what was committed before it began: once
# the row is locked, nobody creates a task, and the last statement sees all that there are. Two erasures of one user
# take turns: otherwise the second one locks tasks that were created after the first one has looked for them, and each
# waits for the other. A request that changes such a task waits for the row of the user, so its lock must not be waited
# for either: the script fails at once then (55P03), and has to be run again.
ERASE = Script(
    "erase",
    text("SELECT pg_advisory_xact_lock(hashtextextended(:owner, 0))"),
    text("SELECT count(*) FROM (SELECT FROM tasks WHERE user_id = :owner ORDER BY id FOR UPDATE) AS locked"),
    text(f"""
    INSERT INTO users AS u (user_id, epoch, version, tasks)
    SELECT CAST(:owner AS varchar), CASE WHEN count(*) = 0 THEN '{NO_EPOCH}' ELSE :epoch END, 0, count(*)
    FROM tasks WHERE user_id = :owner
    ON CONFLICT (user_id) DO UPDATE SET version = u.version
    """),
    text("SELECT count(*) FROM (SELECT FROM tasks WHERE user_id = :owner FOR UPDATE NOWAIT) AS locked"),
    text("""
    DELETE FROM users
    WHERE user_id = :owner
    AND (CAST(:accepted AS text[]) IS NULL OR epoch || '-' || version = ANY (CAST(:accepted AS text[])))
    """),
    text(f"""
    WITH refused AS (SELECT epoch, version FROM users WHERE user_id = :owner),
    erased_tasks AS (DELETE FROM tasks WHERE user_id = :owner AND NOT EXISTS (SELECT FROM refused)),
    erased_deletions AS (DELETE FROM deleted_tasks WHERE user_id = :owner AND NOT EXISTS (SELECT FROM refused)),
    erased_keys AS (DELETE FROM idempotency_keys WHERE user_id = :owner AND NOT EXISTS (SELECT FROM refused)),
    no_user AS (DELETE FROM users WHERE user_id = :owner AND epoch = '{NO_EPOCH}')
    SELECT epoch, version FROM refused
    """),
)
