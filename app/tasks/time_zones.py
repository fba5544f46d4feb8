"""The time zones that the database knows, as it is the one that reckons with them."""

from functools import cache

from flask import current_app
from sqlalchemy import text

from app.database.session import fetch_all
from app.database.statement import Statement

# Directories and files of a system's database that are no zones of the IANA.
NAMES = Statement(
    "time_zones",
    text("SELECT name FROM pg_timezone_names WHERE name !~ '^(posix/|right/|posixrules$|localtime$|Factory$)'"),
    only_reads=True,
)


def find_time_zone(name: str) -> str | None:
    """Return the name where the database knows such a zone, or None."""
    return name if name in _read_names(current_app.config["SQLALCHEMY_DATABASE_URI"]) else None


@cache
def _read_names(_database: object) -> frozenset[str]:
    return frozenset(name for (name,) in fetch_all("", NAMES, {}))
