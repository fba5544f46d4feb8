"""The table that each measurement of a server starts from."""

from dataclasses import dataclass, replace

from benchmarks.harness.api import TASKS_PER_USER, TaskKey
from benchmarks.harness.database import Database

USERS = 1_000  # user-0, user-1, ...
THOUSAND = "thousand"  # the user with a thousand tasks

# The rows that `tasks` starts with are kept in a table beside it, with their ids. `place` is 0 for the tasks that are
# always there. It numbers those that are there to be deleted, of which each operation needs a different number.
SEED = f"""
CREATE SCHEMA benchmark;
CREATE TABLE benchmark.seed (place integer NOT NULL, LIKE tasks INCLUDING DEFAULTS);
INSERT INTO benchmark.seed (place, user_id, title, description, completed)
SELECT place, user_id, 'Task number ' || number, 'Description of task ' || number, number %% 3 = 0
FROM (
    SELECT 0, 'user-' || user_number, number
    FROM generate_series(1, {TASKS_PER_USER}) AS number, generate_series(0, {USERS - 1}) AS user_number
    UNION ALL
    SELECT 0, '{THOUSAND}', number FROM generate_series(1, 1000) AS number
    UNION ALL
    SELECT number, 'deleted-' || number %% {USERS}, number FROM generate_series(1, %(deletable)s) AS number
) AS rows (place, user_id, number)
ORDER BY place, number;
"""
# By user and then by time, in the order of a table that was loaded or clustered.
FILL = """
INSERT INTO tasks SELECT user_id, id, title, description, completed, created_at, updated_at
FROM benchmark.seed WHERE place <= %(deletable)s ORDER BY user_id, id
"""


@dataclass(frozen=True)
class Content:
    """The tasks in the table."""

    tasks: list[TaskKey]  # those of the users that have a hundred
    deletable: list[TaskKey]

    def with_deletable(self, number: int) -> "Content":
        """Return what is in the table when it is filled with that many tasks to delete."""
        return replace(self, deletable=self.deletable[:number])


class SeededDatabase(Database):
    """A database whose table can be brought back to the same content."""

    def prepare(self, deletable: int) -> Content:
        """Make the rows that `fill` inserts, with that many to delete."""
        self._execute(SEED, deletable=deletable)
        # Otherwise autovacuum would do it during a measurement.
        self._execute("VACUUM ANALYZE benchmark.seed")
        rows = self._execute("SELECT place, user_id, id::text FROM benchmark.seed ORDER BY place, id").fetchall()
        return Content(
            tasks=[TaskKey(user_id, task_id) for place, user_id, task_id in rows if not place and user_id != THOUSAND],
            deletable=[TaskKey(user_id, task_id) for place, user_id, task_id in rows if place],
        )

    def fill(self, deletable: int) -> None:
        """Bring the table and the statistics of the server back to the start, with that many tasks to delete."""
        self.clear()
        self._execute(FILL, deletable=deletable)
        self.count_tasks()
        self.settle()
