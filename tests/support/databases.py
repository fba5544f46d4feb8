"""Databases for the service: how they get their tables, and how a test looks into them."""

import subprocess

from app.database.embedded import DEFAULT_VERSION, binaries
from tests.support.commands import command
from tests.support.project import documented
from tests.support.waiting import DEADLINE


def migrate(url: str) -> None:
    """Bring a database to the newest migration."""
    result = command("db", "upgrade", DATABASE_URL=url)
    assert result.exit_code == 0, result.output


def partition(url: str) -> None:
    """Turn the table of a migrated database into hash partitions, with the very script of the documentation."""
    subprocess.run(
        [binaries(DEFAULT_VERSION) / "psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", url],
        input=documented("sql", "PARTITION BY HASH"),
        check=True,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )
