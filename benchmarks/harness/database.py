"""The databases that are measured, each migrated, on PostgreSQL servers that the measurement starts."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg2

from app.database.embedded import DATABASE, ROLE, SUPERUSER, EmbeddedServer
from tests.support.commands import flask
from tests.support.databases import partition
from tests.support.project import ROOT


@contextmanager
def run_postgresql(directory: Path) -> Iterator[EmbeddedServer]:
    """Run a PostgreSQL server for the duration of the block, with its data below the directory."""
    server = EmbeddedServer(directory / "postgresql")
    server.start()
    try:
        yield server
    finally:
        server.stop()


def connect_as_superuser(server: EmbeddedServer, database: str = DATABASE) -> Any:
    """Return a connection of psycopg2 in autocommit mode."""
    connection = psycopg2.connect(server.url(SUPERUSER, database))
    connection.autocommit = True
    return connection


class Database:
    """A database on a running server. To make one is to migrate it; `close` it before the server stops.

    The migrations are those of the checkout in `directory`.
    """

    def __init__(self, server: EmbeddedServer, name: str = DATABASE, directory: Path = ROOT) -> None:
        self._server = server
        self._directory = directory
        self._name = name
        self.run_flask("db", "upgrade")
        self._connection = connect_as_superuser(server, name)
        self.version: str = self._execute("SHOW server_version").fetchone()[0]
        self.server_pid = int((server.data / "postmaster.pid").read_text().split()[0])

    def close(self) -> None:
        """Close the connection to it."""
        self._connection.close()

    def url(self, role: str = ROLE) -> str:
        """Return the URL by which that role reaches it."""
        return self._server.url(role, self._name)

    def run_flask(self, *arguments: str, **settings: str) -> None:
        """Run the command `flask` on it. Raises `CalledProcessError` where that fails."""
        variables: dict[str, Any] = {"DATABASE_URL": self.url(), **settings}
        flask(*arguments, directory=self._directory, **variables).check_returncode()

    def partition(self) -> None:
        """Turn the table into sixteen hash partitions, with the script in docs/scaling.md."""
        partition(self.url())

    def clear(self) -> None:
        """Remove all tasks, and what is kept of their users."""
        self._execute("TRUNCATE tasks, users, deleted_tasks, idempotency_keys")

    def count_tasks(self) -> None:
        """Give the users their rows, as if this service had created the tasks."""
        self._execute(
            "INSERT INTO users (user_id, epoch, version, tasks)"
            " SELECT user_id, left(md5(user_id), 16), count(*), count(*) FROM tasks GROUP BY user_id"
            " ON CONFLICT DO NOTHING"
        )

    def settle(self) -> None:
        """Vacuum, analyze and write a checkpoint now, so that the server does not do so during a measurement."""
        self._execute("VACUUM ANALYZE tasks, users")
        self._execute("CHECKPOINT")

    def _execute(self, sql: str, **parameters: Any) -> Any:
        cursor = self._connection.cursor()
        cursor.execute(sql, parameters or None)
        return cursor
