"""The database: one server, and the table that each turn starts from."""

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg2

from app.database.embedded import SUPERUSER, EmbeddedServer
from tests.service import flask

USERS = 1_000  # user-0, user-1, ...
TASKS = 100  # of each of them
THOUSAND = "thousand"  # the user with a thousand tasks

# What is in `tasks` at the beginning of a turn is kept beside it, with the ids. `place` is 0 for what is always there,
# and counts the tasks that are there to be deleted, of which each operation takes as many as it needs.
SEED = f"""
CREATE SCHEMA benchmark;
CREATE TABLE benchmark.seed (place integer NOT NULL, LIKE tasks INCLUDING DEFAULTS);
INSERT INTO benchmark.seed (place, user_id, title, description, completed)
SELECT place, user_id, 'Task number ' || number, 'Description of task ' || number, number %% 3 = 0
FROM (
    SELECT 0, 'user-' || user_number, number
    FROM generate_series(1, {TASKS}) AS number, generate_series(0, {USERS - 1}) AS user_number
    UNION ALL
    SELECT 0, '{THOUSAND}', number FROM generate_series(1, 1000) AS number
    UNION ALL
    SELECT number, 'deleted-' || number %% {USERS}, number FROM generate_series(1, %(deletable)s) AS number
) AS rows (place, user_id, number)
ORDER BY place, number;
"""
# By user and then by time, as a table is that was loaded or clustered.
FILL = """
INSERT INTO tasks SELECT user_id, id, title, description, completed, created_at, updated_at
FROM benchmark.seed WHERE place <= %(deletable)s ORDER BY user_id, id
"""


@dataclass(frozen=True)
class Content:
    """What is in the table: pairs of user_id and task_id."""

    tasks: list[tuple[str, str]]  # those of the users that have a hundred
    deletable: list[tuple[str, str]]

    def with_deletable(self, number: int) -> "Content":
        """Return what is in the table when it is filled with that many tasks to delete."""
        return replace(self, deletable=self.deletable[:number])


class Database:
    """A migrated database."""

    def __init__(self, server: EmbeddedServer, connection: Any) -> None:
        self._server = server
        self._connection = connection
        self.pid = int((server.data / "postmaster.pid").read_text().split()[0])
        self.version = self._execute("SHOW server_version").fetchone()[0]

    def url(self, role: str) -> str:
        """Return the URL by which that role reaches it."""
        return self._server.url(role)

    def prepare(self, deletable: int) -> Content:
        """Make the rows that `fill` puts into the table, with that many to delete."""
        self._execute(SEED, deletable=deletable)
        # Otherwise autovacuum would do it, in the middle of somebody's turn.
        self._execute("VACUUM ANALYZE benchmark.seed")
        rows = self._execute("SELECT place, user_id, id::text FROM benchmark.seed ORDER BY place, id").fetchall()
        return Content(
            tasks=[(user_id, task_id) for place, user_id, task_id in rows if not place and user_id != THOUSAND],
            deletable=[(user_id, task_id) for place, user_id, task_id in rows if place],
        )

    def clear(self) -> None:
        """Empty the table."""
        self._execute("TRUNCATE tasks")

    def fill(self, deletable: int) -> None:
        """Bring the table, and what the server knows of it, back to the beginning, with that many tasks to delete."""
        self.clear()
        self._execute(FILL, deletable=deletable)
        self.settle()

    def settle(self) -> None:
        """Do now what the server would otherwise do in the middle of a measurement."""
        self._execute("VACUUM ANALYZE tasks")
        self._execute("CHECKPOINT")

    def _execute(self, sql: str, **parameters: Any) -> Any:
        cursor = self._connection.cursor()
        cursor.execute(sql, parameters or None)
        return cursor


@contextmanager
def database() -> Iterator[Database]:
    """Run a server of our own, with its default settings, for as long as the block takes."""
    with tempfile.TemporaryDirectory() as directory:
        server = EmbeddedServer(Path(directory) / "postgresql")
        server.start()
        try:
            flask("db", "upgrade", DATABASE_URL=server.url()).check_returncode()
            with closing(psycopg2.connect(server.url(SUPERUSER))) as connection:
                connection.autocommit = True
                yield Database(server, connection)
        finally:
            server.stop()
