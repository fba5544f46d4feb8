"""The table that grows, and the small one beside it."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import psutil
from tqdm import tqdm

from app.database.embedded import DATABASE, ROLE, EmbeddedServer
from benchmarks.growth.population import SMALLEST, Population
from benchmarks.growth.results import TableSize
from benchmarks.harness.database import Database, connect_as_superuser, run_postgresql

TABLE = "tasks"
# The columns of the lines that are loaded.
FIELDS = ("id", "user_id", "title", "description", "completed", "created_at", "updated_at")
SMALL = "small"  # the other database
LENGTHS = (1, 10, 100, 1_000, 10_000)  # of the lists that some users have at the largest size

LINES_AT_ONCE = 5_000
# With its defaults the server would write a checkpoint after each gigabyte, and then whole pages into its log again.
LOADING = {"max_wal_size": "8GB", "checkpoint_timeout": "1h"}


class Lines:
    """A file for psycopg2 to read from, which moves the progress bar."""

    def __init__(self, lines: Iterator[str], progress: Any) -> None:
        self._lines = lines
        self._progress = progress

    def read(self, _size: int) -> str:
        """Return the next lines, or an empty string after the last."""
        lines = list(islice(self._lines, LINES_AT_ONCE))
        self._progress.update(len(lines))
        return "".join(lines)


class GrowingTable(Database):
    """The table of a database of its own, with the tasks of a population. It is empty at first."""

    def __init__(self, server: EmbeddedServer, name: str, population: Population) -> None:
        super().__init__(server, name)
        self.population = population
        self._index = -1  # of its size among those of the population

    @property
    def size(self) -> int:
        """The population's size that it has grown to."""
        return self.population.sizes[self._index]

    def clear(self) -> None:
        """Remove all tasks; it grows from the smallest size again."""
        super().clear()
        self._index = -1

    def grow(self) -> float:
        """Let the table grow to the next size of the population, and return the seconds that this took."""
        start = time.monotonic()
        self._index += 1
        for name, value in LOADING.items():
            self._execute(f"ALTER SYSTEM SET {name} = '{value}'")
        self._execute("SELECT pg_reload_conf()")
        with tqdm(
            total=self.population.count_new_tasks(self._index),
            desc=f"loading up to {self.size:,}",
            unit=" tasks",
            unit_scale=True,
            smoothing=0.1,
            dynamic_ncols=True,
            leave=self.size > SMALLEST,
        ) as progress:
            lines = Lines(self.population.lines(self._index), progress)
            self._connection.cursor().copy_expert(f"COPY {TABLE} ({', '.join(FIELDS)}) FROM STDIN", lines)
        self.count_tasks()
        self._execute("ALTER SYSTEM RESET ALL")
        self._execute("SELECT pg_reload_conf()")
        self.settle()
        self._fill_cache()
        return time.monotonic() - start

    def _fill_cache(self) -> None:
        """Read the rows and the index into the cache of the server, where they would be after some use.

        A sequential scan of a table larger than a quarter of the cache leaves little of it there, a bitmap scan all.
        """
        self._execute("SET enable_seqscan = off; SET enable_indexscan = off")
        self._execute(f"SELECT count(title) FROM {TABLE} WHERE user_id >= ''")
        self._execute("RESET enable_seqscan; RESET enable_indexscan")

    def measure_size(self) -> TableSize:
        """Return how large it is on disk."""
        sizes = f"pg_relation_size('{TABLE}'), pg_indexes_size('{TABLE}'), pg_total_relation_size('{TABLE}')"
        return TableSize(self.population.count_tasks(self._index), *self._execute(f"SELECT {sizes}").fetchone())


@contextmanager
def run_tables(directory: Path, largest: int) -> Iterator[tuple[GrowingTable, GrowingTable]]:
    """Run a server with two databases: the table of one grows, that of the other keeps the smallest size.

    The cache of the server is a quarter of the memory, as PostgreSQL's manual advises ("Resource Consumption").
    """
    with run_postgresql(directory) as server:
        with closing(connect_as_superuser(server)) as connection:
            connection.cursor().execute(f"CREATE DATABASE {SMALL} OWNER {ROLE}")
            connection.cursor().execute(f"ALTER SYSTEM SET shared_buffers = '{psutil.virtual_memory().total >> 22} MB'")
        server.pg_ctl("restart", "-l", "server.log", "-m", "fast")
        with (
            closing(GrowingTable(server, DATABASE, Population(largest, LENGTHS))) as grown,
            closing(GrowingTable(server, SMALL, Population(SMALLEST))) as small,
        ):
            yield grown, small
