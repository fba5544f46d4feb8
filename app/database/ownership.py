"""What all tables with data of users have in common: the owner is the first column of the key, and row security."""

from sqlalchemy import String

from app.extensions import db

USER_ID_MAX = 255  # Unicode characters
# Compared byte by byte: fast, and no upgrade of the system's collations can corrupt the index.
OWNER = String(USER_ID_MAX, collation="C")


def owned_tables() -> list[str]:
    """Return the names of these tables."""
    return [table.name for table in db.metadata.sorted_tables]
