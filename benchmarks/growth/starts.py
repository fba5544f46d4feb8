"""How long a start of the service takes."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from tqdm import tqdm

from benchmarks.growth.results import Start
from benchmarks.growth.table import GrowingTable
from benchmarks.harness.api import TaskKey, get_task
from benchmarks.harness.connection import Connection
from benchmarks.harness.servers import PYTHON
from tests.support.project import ROOT, environment
from tests.support.service import Service

STARTS = 5
IMPORT = "import time; start = time.perf_counter(); import wsgi; print(time.perf_counter() - start)"


def measure_starts(table: GrowingTable, key: TaskKey, log: Path) -> Iterator[Start]:
    """Start the service several times, and wait for its first answers."""
    for _ in tqdm(range(STARTS), desc="starting", unit="round", dynamic_ncols=True):
        yield _measure_start(table, key, log)


def measure_imports(table: GrowingTable) -> Iterator[float]:
    """Import the application in several new processes, and return the seconds that each import takes."""
    variables = environment(DATABASE_URL=table.url())
    command = [PYTHON, "-c", IMPORT]
    for _ in range(STARTS):
        printed = subprocess.run(command, check=True, capture_output=True, cwd=ROOT, env=variables).stdout
        yield round(float(printed), 3)


def _measure_start(table: GrowingTable, key: TaskKey, log: Path) -> Start:
    start = time.perf_counter()
    service = Service(log, DATABASE_URL=table.url())
    try:
        # gunicorn listens long before a worker answers; the first request waits for one.
        with closing(Connection(service.url())) as connection:
            connection.measure_raw("GET", "/health")
            health = time.perf_counter() - start
            connection.measure(get_task(key))
            return Start(health=round(health, 3), task=round(time.perf_counter() - start, 3))
    finally:
        service.stop()
