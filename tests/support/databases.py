"""Databases for the service: how they get their tables, and how a test looks into them."""

import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg2
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from app import create_app
from app.database.embedded import DEFAULT_VERSION, ROLE, SUPERUSER, EmbeddedServer, find_binaries
from app.extensions import db
from config import Config
from tests.support.commands import command
from tests.support.project import documented
from tests.support.waiting import DEADLINE


def migrate(url: str) -> None:
    """Bring a database to the newest migration."""
    result = command("db", "upgrade", DATABASE_URL=url)
    assert result.exit_code == 0, result.output


def partition(url: str) -> None:
    """Turn the tables of a migrated database into hash partitions, with the very script of the documentation."""
    subprocess.run(
        [find_binaries(DEFAULT_VERSION) / "psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", url],
        input=documented("sql", "PARTITION BY HASH"),
        check=True,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )


@contextmanager
def connected(url: str) -> Iterator[Any]:
    """Give a cursor there, each statement of which is committed by itself."""
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        yield cursor


def new_database(server: EmbeddedServer) -> str:
    """Make a database at the newest migration on that server, and return its name."""
    name = f"tasks_{uuid4().hex}"
    with connected(server.url(SUPERUSER, "postgres")) as cursor:
        cursor.execute(f"CREATE DATABASE {name} OWNER {ROLE}")
    migrate(server.url(database=name))
    return name


@contextmanager
def following(primary: EmbeddedServer, directory: Path) -> Iterator[EmbeddedServer]:
    """Give a hot standby of that server."""
    standby = EmbeddedServer(directory / "standby")
    standby._require_usable_directories()
    primary._run_checked(
        *("pg_basebackup", "--pgdata", str(standby.data), "--write-recovery-conf", "--checkpoint", "fast"),
        *("--host", str(primary.socket_directory), "--username", SUPERUSER),
        cwd=primary.data,
    )
    standby.start()
    try:
        yield standby
    finally:
        standby.stop()


def differences_from_the_models(url: str) -> list[Any]:
    """Return what a new migration would change in that database."""
    app = create_app(Config(DATABASE_URL=url))
    with app.app_context():
        with db.engine.connect() as connection:
            options = {"compare_type": True, "compare_server_default": True}
            differences = list(compare_metadata(MigrationContext.configure(connection, opts=options), db.metadata))
        db.engine.dispose()
    return differences
