"""The migrations that this version of the code knows. They are numbered, and form one line."""

from functools import cache

from alembic.script import ScriptDirectory

from config import ROOT

MIGRATIONS = ROOT / "migrations"


@cache
def known_migrations() -> tuple[str, ...]:
    """Return the revisions, newest first."""
    return tuple(script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions())


def newest_migration() -> str:
    """Return the revision that `flask db upgrade` leads to."""
    return known_migrations()[0]


def is_newer(revision: str) -> bool:
    """Tell whether a later version of the code made that revision: each older one is known here."""
    return revision not in known_migrations()
