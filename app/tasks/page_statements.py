"""The list of tasks, filtered, sorted and in pages: a statement for each order, with all filters as parameters.

A user's tasks are read by the primary key, and filtered and sorted then: the tasks of one user are a small part of the
table, and an index for each order would make every change dearer.
"""

from sqlalchemy import text

from app.database.statement import Statement
from app.tasks.columns import DUE, FIELDS, READ, SORT_KEYS, TEXT_KEYS
from app.tasks.criteria import ASCENDING, BY_CREATION, DESCENDING
from config import VIEWS

# A parameter that is null filters nothing. `position` knows no wildcards, so nothing in a word needs to be escaped.
_FILTER = f"""
    user_id = :owner
    AND (CAST(:completed AS boolean[]) IS NULL OR completed = ANY (:completed))
    AND (CAST(:priorities AS text[]) IS NULL OR coalesce(priority, 'none') = ANY (:priorities))
    AND (CAST(:tags AS text[]) IS NULL OR tags::text[] @> :tags)
    AND (CAST(:due_after AS timestamptz) IS NULL OR {DUE} >= :due_after)
    AND (CAST(:due_before AS timestamptz) IS NULL OR {DUE} < :due_before)
    AND (CAST(:words AS text[]) IS NULL OR NOT EXISTS (
        SELECT FROM unnest(CAST(:words AS text[])) AS word
        WHERE position(lower_case(word) IN lower_case(title)) = 0
        AND position(lower_case(word) IN coalesce(lower_case(description), '')) = 0
    ))
"""


def _after(key: str, kind: str, order: str) -> str:
    """Return the condition for what comes after the task at which the page before ended."""
    beyond = ">" if order == ASCENDING else "<"
    return f"""(
        CAST(:after_id AS uuid) IS NULL
        OR CASE
            WHEN CAST(:after_key AS {kind}) IS NULL THEN {key} IS NULL AND id > :after_id
            ELSE {key} {beyond} :after_key OR ({key} = :after_key AND id > :after_id) OR {key} IS NULL
        END
    )"""


def _page(view: str, sort: str, order: str) -> Statement:
    """Return a statement for a page.

    The first row has the tag of the list, or null, and as its last column the number of tasks: null where the client
    knows the tag, of those that match where they have to be counted, of all otherwise. Then comes a task in each row,
    and as its last column its position for a cursor. PostgreSQL runs the parts of UNION ALL in their order.
    """
    key = SORT_KEYS[sort]
    # The index has the tasks of a user in the order of their creation.
    by_key = f"{key} {order} NULLS LAST, tasks.id"
    sorting = "tasks.id" if (sort, order) == (BY_CREATION, ASCENDING) else by_key
    after = _after(key, "text" if sort in TEXT_KEYS else "bigint", order)
    return Statement(
        f"page_{view}_{sort}_{order}",
        text(f"""
        WITH head AS (SELECT epoch || '-' || version AS tag, tasks FROM users WHERE user_id = :owner),
        client AS (SELECT coalesce((SELECT tag FROM head) = ANY (CAST(:seen AS text[])), false) AS knows)
        SELECT
            tag{", NULL" * (len(FIELDS[view]) - 1)},
            CASE
                WHEN knows THEN NULL
                WHEN :must_count OR tasks IS NULL THEN (SELECT count(*) FROM tasks WHERE {_FILTER})
                ELSE tasks
            END::text
        FROM client LEFT JOIN head ON true
        UNION ALL (
            SELECT {READ[view]}, {key}::text
            FROM tasks
            WHERE NOT (SELECT knows FROM client) AND {_FILTER} AND {after}
            ORDER BY {sorting}
            LIMIT CAST(:most AS bigint) OFFSET CAST(:skipped AS bigint)
        )
        """),
        only_reads=True,
        keeps_plan=True,
    )


PAGES = {
    (view, sort, order): _page(view, sort, order)
    for view in VIEWS
    for sort in SORT_KEYS
    for order in (ASCENDING, DESCENDING)
}
