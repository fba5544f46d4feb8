"""The SQL statements for what happened since, and for new epochs."""

from sqlalchemy import text

from app.database.statement import Statement
from app.tasks.columns import FIELDS, READ
from config import VIEWS


def _changes(view: str) -> Statement:
    """Return a statement for a page of changes after version `reached`, in the order of the versions.

    Each row has epoch, version and `purged` of the user, then the version of a change, whether the task was deleted,
    and the task. One row without a change: nothing is new. Deletions count from version `began`, where the run of
    pages began; null: from now on. A page ends between two versions, never within one (WITH TIES). Where the user's
    version is not beyond `reached`, the condition on `u` is false for all rows, and no task is read.
    """
    return Statement(
        f"changes_{view}",
        text(f"""
        SELECT u.epoch, u.version, u.purged, change.*
        FROM (VALUES (1)) AS one
        LEFT JOIN users AS u ON u.user_id = :owner
        LEFT JOIN LATERAL (
            SELECT tasks.version AS number, false AS is_deleted, {READ[view]}
            FROM tasks
            WHERE user_id = :owner AND version > :reached AND coalesce(u.version, 0) > :reached
            UNION ALL
            SELECT version, true, id::text{", NULL" * (len(FIELDS[view]) - 1)}
            FROM deleted_tasks
            WHERE user_id = :owner AND version > :reached AND u.version > :reached
            AND version > coalesce(CAST(:began AS bigint), u.version)
            ORDER BY number FETCH FIRST (:most) ROWS WITH TIES
        ) AS change ON true
        """),
        only_reads=True,
        keeps_plan=True,
    )


CHANGES = {view: _changes(view) for view in VIEWS}


# What follows is for `app.changes.epochs`. The ids of users are read while row security is not forced on the table, so
# that its owner sees all rows. `row_security = off` does not switch it off: it lets the server refuse a statement from
# which row security would hide rows, so that no user is missed.
SHOW_ALL_ROWS = (text("SET LOCAL statement_timeout = 0"), text("SET LOCAL row_security = off"))
IS_FORCED = text("SELECT relforcerowsecurity FROM pg_class WHERE oid = to_regclass(:table)")
_NEW_EPOCH = "left(md5(CAST(:seed AS text) || user_id), 16)"
_RECENT = "updated_at >= statement_timestamp() - CAST(:hours AS integer) * interval '1 hour'"
OWNERS = text("SELECT DISTINCT user_id FROM tasks WHERE user_id > :after ORDER BY user_id LIMIT :most")
USERS_OF_OTHER_EPOCHS = text(
    f"SELECT user_id FROM users WHERE user_id > :after AND epoch <> {_NEW_EPOCH} ORDER BY user_id LIMIT :most"
)
OWNERS_OF_RECENT_TASKS = text(f"SELECT DISTINCT user_id FROM tasks WHERE {_RECENT}")

# The tasks are counted by a statement that begins when the row of the user is locked, so that it sees all that others
# have counted. The version is above all that were ever given out, whatever a back-up has lost: a user's changes are
# committed one after another, so there are fewer of them than microseconds since 1970, or since the last new epoch.
# JavaScript's numbers hold it exactly until the year 2255.
RENEW = text(f"""
    SELECT set_config('app.user_id', :owner, true);
    INSERT INTO users (user_id, epoch, version, tasks) VALUES (:owner, '', 0, 0) ON CONFLICT DO NOTHING;
    SELECT FROM users WHERE user_id = :owner FOR NO KEY UPDATE;
    UPDATE users
    SET epoch = {_NEW_EPOCH}, tasks = (SELECT count(*) FROM tasks WHERE user_id = :owner),
        version = greatest(version + 1, (extract(epoch FROM statement_timestamp()) * 1000000)::bigint)
    WHERE user_id = :owner
""")
# One change of all these tasks. They are counted so that all of them are locked before the row of the user, which is
# the order of all requests: EXISTS would lock only the first, and deadlock with requests.
RENUMBER_TASKS = text(f"""
    SELECT set_config('app.user_id', :owner, true);
    WITH task AS (SELECT id FROM tasks WHERE user_id = :owner AND {_RECENT} ORDER BY id FOR NO KEY UPDATE),
    head AS (
        UPDATE users SET version = version + 1 WHERE user_id = :owner AND (SELECT count(*) FROM task) > 0
        RETURNING version
    )
    UPDATE tasks SET version = head.version FROM head WHERE user_id = :owner AND id IN (SELECT id FROM task)
""")
