"""SQL statements, compiled once and prepared once in each session of the server."""

import hashlib
from typing import cast

from sqlalchemy import ClauseElement
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.dialects.postgresql.psycopg2 import dialect as psycopg2_dialect
from sqlalchemy.sql.compiler import SQLCompiler

from app.database.migrations import newest_migration

NAMED = psycopg2_dialect()  # %(name)s
NUMBERED = PGDialect(paramstyle="numeric_dollar")  # $1

# A transaction pooler may hand over a session in which somebody else has prepared the statement, perhaps before a
# column got another type. PREPARE would fail there, and DEALLOCATE where the name is free: so look first.
FORGET = (
    "DO $$ BEGIN IF EXISTS (SELECT FROM pg_prepared_statements WHERE name = '{name}') THEN DEALLOCATE {name}; END IF;"
    " END $$; "
)


class Statement:
    """A statement of SQLAlchemy Core with named parameters, compiled once.

    psycopg2 runs it directly, because what SQLAlchemy does around a statement costs more than the statement. The server
    prepares it once in each of its sessions, because parsing and planning take longer than running it.

    `execute` runs it where it is prepared; `prepare`, before that in one string, works in every session; `sql` needs
    no preparation. `keeps_plan` tells that its best plan is the same for all parameters, though its cost is not.
    """

    def __init__(self, name: str, executable: ClauseElement, *, only_reads: bool, keeps_plan: bool = False) -> None:
        self.sql = str(executable.compile(dialect=NAMED))
        self.only_reads = only_reads
        self.keeps_plan = keeps_plan
        numbered = cast(SQLCompiler, executable.compile(dialect=NUMBERED))
        # Behind a transaction pooler two releases share sessions. The hash tells their statements apart; the migration
        # tells the same text apart before and after a column has got another type.
        digest = hashlib.sha256(str(numbered).encode()).hexdigest()[:8]
        self.name = f"tasks_{name}_{newest_migration()}_{digest}"
        arguments = ", ".join(f"%({parameter})s" for parameter in numbered.positiontup or ())
        self.execute = f"EXECUTE {self.name}({arguments})" if arguments else f"EXECUTE {self.name}"
        forget, text = FORGET.format(name=self.name), str(numbered).replace("%", "%%")
        self.prepare = f"{forget}PREPARE {self.name} AS {text}; "


class Script:
    """Several statements of SQLAlchemy Core in one string: one round trip, one transaction, the rows of the last one.

    Each of them sees what was committed before it began. They are not prepared, because only single statements can be.
    """

    only_reads = keeps_plan = False
    prepare = ""

    def __init__(self, name: str, *executables: ClauseElement) -> None:
        self.name = f"tasks_{name}"
        self.sql = self.execute = "; ".join(str(each.compile(dialect=NAMED)) for each in executables)
