"""Keeping the plans of prepared statements (PostgreSQL's manual, PREPARE, "Notes")."""

from typing import Any

# A plan for any user must use the index, also where one user has most of the tasks.
KEEP_PLAN = "SET LOCAL plan_cache_mode TO force_generic_plan; SET LOCAL enable_seqscan TO off; "
IS_CITUS = "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus')"


class Planning:
    """What is said to the server before a statement that has the same best plan for all parameters.

    Left to itself, PostgreSQL plans a list anew each time if the user has fewer tasks than others, or wants a page: it
    takes the plan for these parameters for a cheaper one, though it is the same. Planning takes as long as reading a
    hundred tasks. Citus is left to itself: it needs the parameters to choose the machine that has the rows.
    """

    def __init__(self) -> None:
        self.keep_plan = ""

    def learn(self, connection: Any, _record: object) -> None:
        """Find out what the server is. A listener of SQLAlchemy's event `first_connect`."""
        with connection.cursor() as cursor:
            cursor.execute(IS_CITUS)
            ((is_citus,),) = cursor.fetchall()
        connection.rollback()
        self.keep_plan = "" if is_citus else KEEP_PLAN
