"""The memory of the workers during an hour's worth of requests."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
from tqdm import tqdm

from benchmarks.growth.operations import RandomTasks
from benchmarks.growth.results import Memory
from benchmarks.growth.table import GrowingTable
from benchmarks.harness.load import send_requests, write_requests
from benchmarks.harness.servers import OURS, PYTHON, RunningServer, run_server

# By default gunicorn replaces workers after some requests, which would hide a growth of their memory.
SERVER = replace(OURS, command=(PYTHON, "-m", "gunicorn", "--max-requests", "0", "wsgi:app"))
SAMPLES = 20
WARM_UP = 20_000  # requests
CONNECTIONS = 16
LEAST_PREPARED = 5_000  # requests for each second of wrk, or twice its last rate where that is more


def measure_memory(table: GrowingTable, tasks: RandomTasks, requests: int, directory: Path) -> Iterator[Memory]:
    """Send that many requests as fast as they are answered, and take samples of the workers' memory in between."""
    mix = tasks.mix()
    file = directory / "requests.txt"
    rate = LEAST_PREPARED / 2
    errors = 0

    def send(service: RunningServer, count: int) -> int:
        nonlocal rate, errors
        seconds = max(1, round(count / rate))
        prepared = int(seconds * max(2 * rate, LEAST_PREPARED))
        write_requests(file, (next(mix) for _ in range(prepared)), SERVER)
        counted = send_requests(service.url, file, CONNECTIONS, seconds)
        rate = counted.requests / counted.seconds
        errors += sum(counted.errors.values())
        return counted.requests

    with run_server(SERVER, table) as service:
        workers = service.workers()
        warmed_up = 0
        while warmed_up < WARM_UP:
            warmed_up += send(service, WARM_UP // 4)
        sent = 0
        yield _take_sample(workers, sent, errors)
        with tqdm(total=requests, desc="watching memory", unit=" requests", dynamic_ncols=True) as progress:
            while sent < requests:
                more = send(service, math.ceil(requests / SAMPLES))
                sent += more
                progress.update(min(more, requests - progress.n))
                yield _take_sample(workers, sent, errors)


def _take_sample(workers: list[psutil.Process], sent: int, errors: int) -> Memory:
    sizes = [worker.memory_full_info() for worker in workers]
    return Memory(
        requests=sent,
        errors=errors,
        rss=[size.rss for size in sizes],
        uss=[size.uss for size in sizes],
    )
