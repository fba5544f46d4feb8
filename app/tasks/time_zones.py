"""The time zones that the database knows, as it is the one that reckons with them."""

from functools import cache

from flask import current_app
from sqlalchemy import text

from app.extensions import db

# Directories and files of a system's database are no zones of the IANA.
NAMES = text("SELECT name FROM pg_timezone_names WHERE name !~ '^(posix/|right/|posixrules$|localtime$|Factory$)'")


def find_time_zone(name: str) -> str | None:
    """Return the name where the database knows such a zone, or None."""
    return name if name in _read_names(current_app.config["SQLALCHEMY_DATABASE_URI"]) else None


@cache
def _read_names(_database: object) -> frozenset[str]:
    """Return all names, which are read once for each database."""
    with db.engine.connect() as connection:
        return frozenset(connection.execute(NAMES).scalars())
