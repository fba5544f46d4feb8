"""The SQL statements about tasks, one for each request and view.

Each of them is sent as one string, in one implicit transaction. Locks are always taken in one order: the task, then the
row of the user. A statement keeps the lock on the row of the user until its commit, so versions are in the order of the
commits and have no gaps. A statement that finds nothing to change takes no version.
"""

from sqlalchemy import text

from app.database.statement import Statement
from app.tasks.columns import CHANGED, FIELDS, READ, SENT_FIELDS
from config import BASIC, FULL, VIEWS

TOMBSTONES_KEPT = "30 days"
KEYS_KEPT = "25 hours"  # The contract promises 24, whatever the clocks of the instances say.
RECURS = "recurs"  # what stands against a plain change of a task that recurs
# Expired rows, so that no request has to remove many. They are chosen in an ARRAY, which is made once: IN may run its
# query again for each row, and choose others each time.
REMOVED_AT_ONCE = 20

# The id and the times come from one reading of the clock, so that all of them have the same order. `updated_at` must
# grow with every change, even if the clock went back or a racing change read it later. Citus allows no timestamptz
# arithmetic in UPDATE, hence the detour through UTC.
NOW = "statement_timestamp()"
LATER = f"greatest({NOW}, timezone('UTC', timezone('UTC', tasks.updated_at) + interval '1 microsecond'))"


def _read(name: str, sql: str, *, keeps_plan: bool = False) -> Statement:
    return Statement(name, text(sql), only_reads=True, keeps_plan=keeps_plan)


def _write(name: str, sql: str) -> Statement:
    return Statement(name, text(sql), only_reads=False)


# The version comes last; in the full view it is a field, too.
GET = {
    view: _read(
        f"get_{view}",
        f"SELECT {READ[view]}{', version' if view == BASIC else ''} FROM tasks"
        " WHERE user_id = :owner AND id = CAST(:task_id AS uuid)",
    )
    for view in VIEWS
}

# The first row has the tag of the list, or null, and no task; PostgreSQL runs the parts of UNION ALL in their order.
# Where the client knows the tag, the condition on `head` is false for all rows, and no task is read.
LIST = {
    view: _read(
        f"list_{view}",
        f"""
        WITH head AS (SELECT epoch || '-' || version AS tag FROM users WHERE user_id = :owner)
        SELECT tag{", NULL" * (len(FIELDS[view]) - 1)} FROM (VALUES (1)) AS one LEFT JOIN head ON true
        UNION ALL (
            SELECT {READ[view]} FROM tasks
            WHERE user_id = :owner AND NOT coalesce((SELECT tag FROM head) = ANY (CAST(:seen AS text[])), false)
            ORDER BY tasks.id
        )
        """,
        keeps_plan=True,
    )
    for view in VIEWS
}
HEAD = _read("head", "SELECT epoch, version FROM users WHERE user_id = :owner")

_COUNT_UP = """
    UPDATE users SET version = version + 1, tasks = tasks + 1
    WHERE user_id = :owner AND (CAST(:most AS integer) = 0 OR tasks < :most)
    RETURNING version
"""
# The same for a user who may have no row yet. The first change makes it, and counts the tasks that are older than it.
_START_OR_COUNT_UP = """
    INSERT INTO users AS u (user_id, epoch, version, tasks)
    SELECT :owner, CAST(:epoch AS text), 1, first.tasks
    FROM (
        SELECT CASE
            WHEN EXISTS (SELECT FROM users WHERE user_id = :owner) THEN 1
            ELSE 1 + (SELECT count(*) FROM tasks WHERE user_id = :owner)
        END AS tasks
    ) AS first
    WHERE (CAST(:most AS integer) = 0 OR first.tasks <= :most) AND {condition}
    ON CONFLICT (user_id) DO UPDATE SET version = u.version + 1, tasks = u.tasks + 1
    WHERE CAST(:most AS integer) = 0 OR u.tasks < :most
    RETURNING version
"""


# An instant that comes with a zone becomes the time on the wall there, within the years that a due date can have.
_DUE_ON_WALL = r"""CASE
    WHEN {due} LIKE '%Z' AND {zone} IS NOT NULL
    THEN to_char(greatest(timestamp '0001-01-01', least(timestamp '9999-12-31 23\:59\:59',
        timezone(place_of({zone}), ({due})::timestamptz))), 'YYYY-MM-DD"T"HH24\:MI\:SS')
    ELSE {due}
END"""
_FULL_COLUMNS = "".join(f", {name}" for name in SENT_FIELDS)
_FULL_VALUES = f"""
    , CAST(:new_priority AS text),
    {_DUE_ON_WALL.format(due="CAST(:new_due_date AS text)", zone="CAST(:new_time_zone AS text)")},
    CAST(:new_time_zone AS text), CAST(:new_tags AS text[]), CAST(:new_recurrence AS text),
    CAST(:new_recurrence_from AS text)
"""


def _insert(view: str) -> str:
    return f"""
        INSERT INTO tasks (
            user_id, id, title, description, completed, created_at, updated_at, completed_at, version
            {_FULL_COLUMNS if view == FULL else ""}
        )
        SELECT
            :owner, uuidv7_at({NOW}), CAST(:new_title AS text), CAST(:new_description AS text),
            CAST(:new_completed AS boolean), {NOW}, {NOW}, CASE WHEN :new_completed THEN {NOW} END, head.version
            {_FULL_VALUES if view == FULL else ""}
        FROM head
        RETURNING {CHANGED[view]}
    """


# No row: the user has no row yet, or as many tasks as are allowed.
ADD = {view: _write(f"add_{view}", f"WITH head AS ({_COUNT_UP}) {_insert(view)}") for view in VIEWS}
# For users who may have no row yet; it takes PostgreSQL half as long again. No row: as many tasks as are allowed.
ADD_FIRST = {
    view: _write(f"add_first_{view}", f"WITH head AS ({_START_OR_COUNT_UP.format(condition='true')}) {_insert(view)}")
    for view in VIEWS
}

# A key that was used before, with its answer. Expired keys are removed now and then, by the user's own requests: by one
# in sixteen, which the clock chooses, so that no pattern of requests keeps them.
_SEEN = "seen AS (SELECT fingerprint, answer FROM idempotency_keys WHERE user_id = :owner AND key = :key)"
_NOT_SEEN = "NOT EXISTS (SELECT FROM seen)"
_KEEP = f"""
    expired AS (
        DELETE FROM idempotency_keys
        WHERE user_id = :owner AND key = ANY (ARRAY(
            SELECT key FROM idempotency_keys
            WHERE user_id = :owner AND created_at < {NOW} - interval '{KEYS_KEPT}'
            AND EXISTS (SELECT FROM head) AND extract(microseconds FROM {NOW})::integer % 16 = 0
            LIMIT {REMOVED_AT_ONCE} FOR UPDATE SKIP LOCKED
        ))
    ),
    kept AS (
        INSERT INTO idempotency_keys (user_id, key, fingerprint, answer)
        SELECT
            :owner, :key, CAST(:fingerprint AS bytea),
            CAST(to_jsonb(done) || jsonb_build_object('view', CAST(:view AS text)) AS text)
        FROM done
        RETURNING answer
    )
"""

KEY = _read("key", f"WITH {_SEEN} SELECT fingerprint FROM seen")
# Fingerprint and answer; the fingerprint is null where the request has acted now. No row: as in ADD_FIRST. A racing
# request with the same key waits for the row of the user, and then fails (23505): all of it is undone, and no version
# is taken.
ADD_ONCE = _write(
    "add_once",
    f"""
    WITH {_SEEN}, head AS ({_START_OR_COUNT_UP.format(condition=_NOT_SEEN)}), done AS ({_insert(FULL)}), {_KEEP}
    SELECT NULL, answer FROM kept UNION ALL SELECT fingerprint, answer FROM seen
    """,
)

# The task is locked first: whether it exists, and has a version that the client accepts, is decided on its newest
# state, before a version is taken.
_LOCK = """
    task AS (
        SELECT {columns} FROM tasks WHERE user_id = :owner AND id = CAST(:task_id AS uuid) AND {condition}
        FOR {strength}
    )
"""
_ACCEPTED = """
    EXISTS (SELECT FROM task WHERE CAST(:accepted AS bigint[]) IS NULL OR version = ANY (CAST(:accepted AS bigint[])))
"""
_THIS = "tasks.user_id = :owner AND tasks.id = CAST(:task_id AS uuid)"
_COMPLETED_AT = f"""CASE
    WHEN NOT {{completed}} THEN NULL WHEN tasks.completed THEN tasks.completed_at ELSE {LATER}
END"""

# What a change makes of a task: the values that were sent, or those that it has.
_COMPLETION = {"completed": "coalesce(CAST(:new_completed AS boolean), NOT {table}.completed)"}
_CHANGES = {
    "title": "coalesce(CAST(:new_title AS text), {table}.title)",
    "description": "CASE WHEN :has_description THEN CAST(:new_description AS text) ELSE {table}.description END",
    "completed": "coalesce(CAST(:new_completed AS boolean), {table}.completed)",
}
_KINDS = {name: "text[]" if name == "tags" else "text" for name in SENT_FIELDS}
_SENT = {
    name: f"CASE WHEN :has_{name} THEN CAST(:new_{name} AS {kind}) ELSE {{table}}.{name} END"
    for name, kind in _KINDS.items()
}
_ALL_CHANGES = {
    **_CHANGES,
    **_SENT,
    "due_date": _DUE_ON_WALL.format(due=_SENT["due_date"], zone=_SENT["time_zone"]),
}


def _change_plainly(name: str, changes: dict[str, str], view: str) -> Statement:
    """Return a statement that changes a task, unless that completes one that recurs.

    Its row has the version that the task had, what stands against the change, and the changed task. No row: there is no
    such task. A row without a changed task: it recurs; its version is not accepted; or the user has no row yet.
    """
    completed = changes["completed"].format(table="task")
    values = ", ".join(f"{column} = {value.format(table='tasks')}" for column, value in changes.items())
    return _write(
        f"{name}_{view}",
        f"""
        WITH {_LOCK.format(columns="version, completed, recurrence", condition="true", strength="NO KEY UPDATE")},
        head AS (
            UPDATE users SET version = version + 1
            WHERE user_id = :owner AND EXISTS (
                SELECT FROM task
                WHERE (CAST(:accepted AS bigint[]) IS NULL OR version = ANY (CAST(:accepted AS bigint[])))
                AND (recurrence IS NULL OR completed OR NOT {completed})
            )
            RETURNING version
        ),
        done AS (
            UPDATE tasks
            SET {values}, completed_at = {_COMPLETED_AT.format(completed=changes["completed"].format(table="tasks"))},
                updated_at = {LATER}, version = head.version
            FROM head
            WHERE {_THIS}
            RETURNING {CHANGED[view]}
        )
        SELECT task.version, CASE WHEN task.recurrence IS NOT NULL THEN '{RECURS}' END, done.*
        FROM task LEFT JOIN done ON true
        """,
    )


def _steps(changes: dict[str, str], view: str) -> str:
    """Return what follows the lock: the task as it is wanted, the version, the change, and the next occurrence.

    A task with a rule that is completed has a successor, but only one for each due date.
    """
    fields = ("title", "description", "completed", *SENT_FIELDS)
    wanted = ", ".join(f"{changes.get(name, name).format(table='task')} AS {name}" for name in fields)
    values = ", ".join(f"{name} = wanted.{name}" for name in fields)
    return f"""
        wanted AS (SELECT {wanted} FROM task),
        conflict AS (
            SELECT CASE
                WHEN recurrence IS NOT NULL AND due_date IS NULL THEN 'recurrence'
                WHEN time_zone IS NOT NULL AND (due_date IS NULL OR length(due_date) = 10) THEN 'time_zone'
            END AS field
            FROM wanted
        ),
        occurrence AS (
            SELECT next_due_date(wanted.recurrence, wanted.recurrence_from, wanted.due_date, wanted.time_zone, {NOW})
                AS due_date
            FROM task, wanted
            WHERE wanted.recurrence IS NOT NULL AND wanted.completed AND NOT task.completed
            AND wanted.due_date <> ALL (task.succeeded) AND {_ACCEPTED}
        ),
        head AS (
            UPDATE users
            SET version = version + 1, tasks = tasks + (SELECT count(due_date) FROM occurrence)
            WHERE user_id = :owner AND {_ACCEPTED} AND (SELECT field IS NULL FROM conflict)
            AND (CAST(:most AS integer) = 0 OR tasks < :most OR (SELECT count(due_date) FROM occurrence) = 0)
            RETURNING version
        ),
        done AS (
            UPDATE tasks
            SET {values}, completed_at = {_COMPLETED_AT.format(completed="wanted.completed")},
                succeeded = tasks.succeeded
                    || ARRAY(SELECT wanted.due_date FROM occurrence WHERE occurrence.due_date IS NOT NULL),
                updated_at = {LATER}, version = head.version
            FROM head, wanted
            WHERE {_THIS}
            RETURNING {CHANGED[view]}
        ),
        successor AS (
            INSERT INTO tasks (
                user_id, id, title, description, created_at, updated_at, version {_FULL_COLUMNS}
            )
            SELECT
                :owner, uuidv7_at({NOW}), wanted.title, wanted.description, {NOW}, {NOW}, head.version,
                wanted.priority, occurrence.due_date, wanted.time_zone, wanted.tags, wanted.recurrence,
                wanted.recurrence_from
            FROM head, wanted, occurrence
            WHERE occurrence.due_date IS NOT NULL
        )
    """


def _change(name: str, changes: dict[str, str], view: str) -> Statement:
    """Return a statement that changes any task; its row is as that of `_change_plainly`.

    A row without a changed task: its version is not accepted; two fields exclude each other; the user has no row yet,
    or as many tasks as are allowed.
    """
    return _write(
        f"{name}_{view}",
        f"""
        WITH {_LOCK.format(columns="*", condition="true", strength="NO KEY UPDATE")}, {_steps(changes, view)}
        SELECT task.version, conflict.field, done.* FROM task CROSS JOIN conflict LEFT JOIN done ON true
        """,
    )


UPDATE = {
    BASIC: _change_plainly("update", _CHANGES, BASIC),
    FULL: _change("update", _ALL_CHANGES, FULL),
}
SET_COMPLETED = {view: _change_plainly("set_completed", _COMPLETION, view) for view in VIEWS}
# For tasks that recur, what the statements above leave to them.
UPDATE_RECURRING = {BASIC: _change("update_recurring", _CHANGES, BASIC)}
SET_COMPLETED_RECURRING = {view: _change("set_completed_recurring", _COMPLETION, view) for view in VIEWS}
# The version that the task had, what stands against the change, then as in ADD_ONCE.
SET_COMPLETED_ONCE = _write(
    "set_completed_once",
    f"""
    WITH {_SEEN}, {_LOCK.format(columns="*", condition=_NOT_SEEN, strength="NO KEY UPDATE")},
    {_steps(_COMPLETION, FULL)}, {_KEEP}
    SELECT task.version, conflict.field, NULL, kept.answer FROM task CROSS JOIN conflict LEFT JOIN kept ON true
    UNION ALL SELECT NULL, NULL, fingerprint, answer FROM seen
    """,
)

# Tombstones that are too old, the oldest ones first.
_FORGET = f"""
    forgotten AS (
        DELETE FROM deleted_tasks
        WHERE user_id = :owner AND {_ACCEPTED} AND version = ANY (ARRAY(
            SELECT version
            FROM (
                SELECT version, deleted_at FROM deleted_tasks WHERE user_id = :owner
                ORDER BY version LIMIT {REMOVED_AT_ONCE}
            ) AS oldest
            WHERE deleted_at < {NOW} - interval '{TOMBSTONES_KEPT}'
        ))
        RETURNING version
    ),
"""
_FORGOTTEN = ", purged = greatest(purged, (SELECT max(version) FROM forgotten))"


def _delete(name: str, forget: str = "", forgotten: str = "") -> Statement:
    """Return a statement that deletes a task; its row is as that of `_change`, with the id of the deleted task."""
    return _write(
        name,
        f"""
        WITH {_LOCK.format(columns="version", condition="true", strength="UPDATE")}, {forget}
        head AS (
            UPDATE users SET version = version + 1, tasks = tasks - 1 {forgotten}
            WHERE user_id = :owner AND {_ACCEPTED}
            RETURNING version
        ),
        done AS (DELETE FROM tasks USING head WHERE {_THIS} RETURNING tasks.id),
        kept AS (
            INSERT INTO deleted_tasks (user_id, version, id) SELECT :owner, head.version, done.id FROM head, done
            RETURNING id::text
        )
        SELECT task.version, NULL, kept.id FROM task LEFT JOIN kept ON true
        """,
    )


DELETE = _delete("delete")
# This one also removes tombstones, and the row of the user tells up to which version. It takes PostgreSQL half as long
# again, so only some deletions use it.
DELETE_AND_FORGET = _delete("delete_and_forget", _FORGET, _FORGOTTEN)

# Make the row of a user whose tasks are all older than such rows. One without tasks gets none: all may just be erased.
START_COUNTING = _write(
    "start_counting",
    """
    INSERT INTO users (user_id, epoch, version, tasks)
    SELECT CAST(:owner AS varchar), CAST(:epoch AS text), 0, count(*) FROM tasks WHERE user_id = :owner
    HAVING count(*) > 0
    ON CONFLICT DO NOTHING
    RETURNING version
    """,
)
