"""The SQL statement for what happened since."""

from sqlalchemy import text

from app.database.statement import Statement
from app.tasks.columns import READ
from config import BASIC, FULL, VIEWS

_NULLS = {
    BASIC: "",
    FULL: ", NULL, NULL, NULL, NULL, NULL, NULL, NULL",
}  # in the place of what a deleted task has no more


def _changes(view: str) -> Statement:
    """Return a statement for a page of changes after version `reached`, in the order of the versions.

    Each row has epoch, version and `purged` of the user, then the version of a change, whether the task was deleted,
    and the task. One row without a change: nothing is new. Deletions count from version `began`, where the run of
    pages began; null: from now on. A page ends between two versions, never within one (WITH TIES). Where the user's
    version is not beyond `reached`, the condition on `u` is false for all rows, and no task is read.
    """
    columns = READ[view]
    return Statement(
        f"changes_{view}",
        text(f"""
        SELECT u.epoch, u.version, u.purged, change.*
        FROM (VALUES (1)) AS one
        LEFT JOIN users AS u ON u.user_id = :owner
        LEFT JOIN LATERAL (
            SELECT tasks.version AS number, false AS is_deleted, {columns}
            FROM tasks
            WHERE user_id = :owner AND version > :reached AND coalesce(u.version, 0) > :reached
            UNION ALL
            SELECT version, true, id::text, NULL, NULL, NULL, NULL, NULL, NULL, version{_NULLS[view]}
            FROM deleted_tasks
            WHERE user_id = :owner AND version > :reached AND u.version > :reached
            AND version > coalesce(CAST(:began AS bigint), u.version)
            ORDER BY number FETCH FIRST (:most) ROWS WITH TIES
        ) AS change ON true
        """),
        only_reads=True,
    )


CHANGES = {view: _changes(view) for view in VIEWS}
