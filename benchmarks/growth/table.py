"""A table that grows: what is in it at which size, how that gets there, and what the database tells of it."""

import re
from bisect import bisect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from uuid import UUID

import psutil
import psycopg2

from app.database.embedded import DATABASE, ROLE, SUPERUSER, EmbeddedServer
from app.database.session import AS_USER
from app.database.statement import Statement
from app.tasks import statements
from app.tasks.models import Task
from benchmarks.comparison.seed import TASKS, Database
from tests.service import flask

SMALL = "small"  # the other database
SMALLEST = 10_000
LENGTHS = (1, 10, 100, 1_000, 10_000)  # of the lists of a few users more, who come with the last tasks

FIRST = datetime(2025, 1, 1, tzinfo=UTC)
INTERVAL = timedelta(seconds=3)  # between two tasks, so that ten millions of them have come within a year

# Prime to each number of users here: by steps of it everybody's turn comes once, in an order that looks like none.
STRIDE = 7_368_787
# What follows the time in an id is not random, but scattered as if it were, and can be told from the task's number.
SCATTER = 0x9E3779B97F4A7C15
AFTER_TIME = 7 << 76 | 2 << 62  # version and variant of RFC 9562
LAST_BITS = (1 << 62) - 1

LINES = 5_000  # that are sent to the server at once
# By default the server would write a checkpoint for each gigabyte, and after it whole pages into its log once more.
LOADING = {"max_wal_size": "8GB", "checkpoint_timeout": "1h"}

INDEX = f"{Task.__tablename__}_pkey"
STATEMENTS = statements.ALL
KINDS = ("custom", "generic")


class Place(NamedTuple):
    """Where a task is: whose it is, and its id."""

    user_id: str
    task_id: str


class Population:
    """The tasks that there are at each size. They have numbers, in the order of their creation.

    Users come in generations, one with each size, and within one they take turns. So all have equally many tasks at
    every size, which lie as far apart in the table as those of people do who write down one task now and then.
    """

    def __init__(self, largest: int, lengths: Sequence[int] = ()) -> None:
        self.sizes = [
            size for size in (SMALLEST * times for times in (1, 10, 100, 1_000, 10_000)) if size < largest
        ] + [largest]
        self._lengths = lengths

    def place(self, number: int) -> Place:
        """Return where the task of that number is."""
        start, end = self._generation(bisect(self.sizes, number))
        return Place(_owner(number, start, end), str(UUID(int=_id(number))))

    def lines(self, index: int) -> Iterator[str]:
        """Return what `COPY` reads, to let the table grow to the size of that index from the one before."""
        start, end = self._generation(index)
        others = self._others() if index == len(self.sizes) - 1 else []
        spread = (end - start) // (len(others) + 1)
        users = (end - start) // TASKS
        for number in range(start, end):
            yield _line(_owner(number, start, end), number, _id(number), (number - start) // users + 1)
            if others and number % spread == 0:
                # Created at the same time, with other bits behind it.
                yield _line(others.pop(), number, _id(number) ^ 1, 1)

    def tasks(self, index: int) -> int:
        """Return how many tasks there are at the size of that index."""
        return self.sizes[index] + (sum(self._lengths) if index == len(self.sizes) - 1 else 0)

    def _generation(self, index: int) -> tuple[int, int]:
        return ([0, *self.sizes])[index], self.sizes[index]

    def _others(self) -> list[str]:
        """Return the owners of the lists of many lengths, once for each of their tasks, in a random order."""
        owners = [f"list-{length}" for length in self._lengths for _ in range(length)]
        return Random(0).sample(owners, len(owners))  # noqa: S311 -- it has to be the same every time.


def _owner(number: int, start: int, end: int) -> str:
    return f"user-{start // TASKS + (number - start) * STRIDE % ((end - start) // TASKS)}"


def _id(number: int) -> int:
    """Return a UUID of version 7."""
    milliseconds = int((FIRST + number * INTERVAL).timestamp() * 1000)
    return milliseconds << 80 | AFTER_TIME | number * SCATTER & LAST_BITS


def _line(owner: str, number: int, task_id: int, nth: int) -> str:
    """Return the columns in the order of `statements.FIELDS`."""
    time = FIRST + number * INTERVAL
    completed = "t" if nth % 3 == 0 else "f"
    return f"{task_id:032x}\t{owner}\tTask number {nth}\tDescription of task {nth}\t{completed}\t{time}\t{time}\n"


class Lines:
    """A file for psycopg2 to read from, which tells the progress bar how far it is."""

    def __init__(self, lines: Iterator[str], progress: Any) -> None:
        self._lines = lines
        self._progress = progress

    def read(self, _size: int) -> str:
        """Return the next lines, or nothing after the last."""
        lines = list(islice(self._lines, LINES))
        self._progress.update(len(lines))
        return "".join(lines)


@dataclass(frozen=True)
class Room:
    """How much room the table takes, in bytes."""

    tasks: int
    table: int
    index: int
    total: int  # with the maps of free space and of visibility, and what would be stored out of line


@dataclass(frozen=True)
class Plan:
    """How the server runs a statement: as planned for its parameters ("custom"), or for any ("generic")."""

    statement: str
    kind: str
    lines: list[str]

    @property
    def nodes(self) -> list[str]:
        """What it consists of, from the top."""
        return re.findall(r"^\W*(\w.*?)  \(cost=", "\n".join(self.lines), re.MULTILINE)

    @property
    def faults(self) -> list[str]:
        """What should not be in it: a sort, a walk through the table, any index but the one."""
        faults = [node for node in self.nodes if "Sort" in node or "Seq Scan" in node]
        indexes = re.findall(r"Index .*?(?:using|on) (\w+)", "\n".join(self.nodes))
        if indexes != ([] if self.statement == "add" else [INDEX]):
            faults.append(f"not {INDEX} alone, but {indexes}")
        return faults

    def first(self, fact: str) -> str:
        """Return what the server tells first under that name, or nothing."""
        found = re.search(rf"{fact}: (.+)", "\n".join(self.lines))
        return found[1] if found else ""


class GrowingTable(Database):
    """The table of a migrated database of its own, with the tasks of a population."""

    def __init__(self, server: EmbeddedServer, name: str, population: Population) -> None:
        flask("db", "upgrade", DATABASE_URL=server.url(database=name)).check_returncode()
        super().__init__(server, _connection(server, name))
        self._name = name
        self.population = population

    def close(self) -> None:
        """Let go of the database."""
        self._connection.close()

    def url(self, role: str) -> str:
        """Return the URL by which that role reaches it."""
        return self._server.url(role, self._name)

    def grow(self, index: int, progress: Any) -> None:
        """Load what makes it as large as the population's size of that index, from the one before."""
        for name, value in LOADING.items():
            self._execute(f"ALTER SYSTEM SET {name} = '{value}'")
        self._execute("SELECT pg_reload_conf()")
        copy = f"COPY {Task.__tablename__} ({', '.join(statements.FIELDS)}) FROM STDIN"
        self._connection.cursor().copy_expert(copy, Lines(self.population.lines(index), progress))
        self._execute("ALTER SYSTEM RESET ALL")
        self._execute("SELECT pg_reload_conf()")
        self.settle()
        # Into the cache, as what is in use would be after a while: the rows, and the index.
        self._execute(f"SELECT count(title) FROM {Task.__tablename__}")
        self._execute(f"SELECT count(*) FROM {Task.__tablename__}")

    def room(self, index: int) -> Room:
        """Measure it, at the size of that index."""
        sizes = "pg_relation_size('tasks'), pg_indexes_size('tasks'), pg_total_relation_size('tasks')"
        return Room(self.population.tasks(index), *self._execute(f"SELECT {sizes}").fetchone())

    def plans(self, place: Place) -> list[Plan]:
        """Ask how it runs each statement of the API, for that task and its owner."""
        values = {
            "app_user_id": place.user_id,
            "owner": place.user_id,
            "task_id": place.task_id,
            "new_title": "Changed",
            "new_description": None,
            "has_description": False,
            "new_completed": True,
        }
        return [
            Plan(name, kind, self._explain(statement, kind, values))
            for kind in KINDS
            for name, statement in STATEMENTS.items()
        ]

    def _explain(self, statement: Statement, kind: str, values: Mapping[str, Any]) -> list[str]:
        """Run the statement as the service does, in the service's role, and take back what it has changed."""
        with closing(psycopg2.connect(self.url(ROLE))) as connection, connection.cursor() as cursor:
            cursor.execute(f"SET plan_cache_mode = force_{kind}_plan")
            cursor.execute(f"{AS_USER}{statement.prepare}EXPLAIN (ANALYZE, BUFFERS) {statement.execute}", values)
            return [line for (line,) in cursor.fetchall()]


def _connection(server: EmbeddedServer, database: str) -> Any:
    connection = psycopg2.connect(server.url(SUPERUSER, database))
    connection.autocommit = True
    return connection


@contextmanager
def tables(directory: Path, largest: int) -> Iterator[tuple[GrowingTable, GrowingTable]]:
    """Run a server with two tables: one that is to grow, and one that stays as small as the other begins.

    Its cache is a quarter of the memory, as the manual of PostgreSQL advises ("Resource Consumption").
    """
    server = EmbeddedServer(directory / "postgresql")
    server.start()
    try:
        with closing(_connection(server, DATABASE)) as connection:
            connection.cursor().execute(f"CREATE DATABASE {SMALL} OWNER {ROLE}")
            connection.cursor().execute(f"ALTER SYSTEM SET shared_buffers = '{psutil.virtual_memory().total >> 22} MB'")
        server.pg_ctl("restart", "-l", "server.log", "-m", "fast")
        with ExitStack() as stack:
            grown = GrowingTable(server, DATABASE, Population(largest, LENGTHS))
            stack.enter_context(closing(grown))
            small = GrowingTable(server, SMALL, Population(SMALLEST))
            stack.enter_context(closing(small))
            yield grown, small
    finally:
        server.stop()
