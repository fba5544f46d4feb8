"""SQL statements, compiled once and prepared once in each session of the server."""

import hashlib
from typing import cast

from sqlalchemy import ClauseElement
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.dialects.postgresql.psycopg2 import dialect as psycopg2_dialect
from sqlalchemy.sql.compiler import SQLCompiler

NAMED = psycopg2_dialect()  # %(name)s
NUMBERED = PGDialect(paramstyle="numeric_dollar")  # $1


class Statement:
    """A statement of SQLAlchemy Core with named parameters, compiled once.

    psycopg2 runs it directly, because what SQLAlchemy does around a statement costs more than the statement. The server
    prepares it once in each of its sessions, because parsing and planning take longer than running it.
    """

    def __init__(self, name: str, executable: ClauseElement, *, only_reads: bool) -> None:
        self.sql = str(executable.compile(dialect=NAMED))
        self.only_reads = only_reads
        numbered = cast(SQLCompiler, executable.compile(dialect=NUMBERED))
        # Another release may have prepared a different statement under this name in the same session; the hash tells
        # them apart.
        self.name = f"tasks_{name}_{hashlib.sha256(str(numbered).encode()).hexdigest()[:8]}"
        arguments = ", ".join(f"%({parameter})s" for parameter in numbered.positiontup or ())
        self.execute = f"EXECUTE {self.name}({arguments})" if arguments else f"EXECUTE {self.name}"
        self.prepare = f"PREPARE {self.name} AS {str(numbered).replace('%', '%%')}; "
