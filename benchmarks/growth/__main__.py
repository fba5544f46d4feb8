"""The service as its table grows to ten million tasks: `make bench-scale`, or `python -m benchmarks.growth`.

A table can't shrink again for another round, and machines drift. So beside the table that grows, one that stays small
is asked, request by request in turns, and what is told of them is a ratio. The client has one connection to each, and
writes prepared bytes to it: wrk would not take turns, and http.client would add a good part of what it measures.
"""

import argparse
import json
import math
import random
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from tqdm import tqdm

from app.database.embedded import ROLE
from benchmarks.comparison.operations import MIX, Request
from benchmarks.comparison.seed import TASKS
from benchmarks.growth import report as scale_report
from benchmarks.growth.report import Length, Memory, Results, Start, Step, Timing, results_of
from benchmarks.growth.table import LENGTHS, SMALLEST, GrowingTable, Place, tables
from benchmarks.harness import load
from benchmarks.harness.load import drive, write_requests
from benchmarks.harness.servers import OURS, PYTHON, WORKERS, Running, end_when_told, running
from tests.service import ROOT, Service, environment, wait_for

BYTES = 700  # of disk for each task, at most: half of them for the table, half for the log that its loading writes
# Every so many tasks there is one to be deleted, which nobody else asks for. As many are created as are deleted, so
# that lists stay as long as they are.
DELETABLE = 5
MOST_DELETED = 3 * SMALLEST // DELETABLE // 4
TIMEOUT = 60  # seconds, for an answer

LENGTH_ROUNDS = 20
LENGTH_REQUESTS = 5  # in a round, for each length

STARTS = 5
IMPORT = "import time; start = time.perf_counter(); import wsgi; print(time.perf_counter() - start)"

# By default workers are replaced after some time, which would hide what there may be to see.
LASTING = replace(OURS, command=(PYTHON, "-m", "gunicorn", "--max-requests", "0", "wsgi:app"))
SAMPLES = 20
MEMORY_WARM_UP = 20_000  # requests
MEMORY_CONNECTIONS = 16
LEAST_PREPARED = 5_000  # requests for each second of wrk, or else twice as many as it has last sent


def main() -> None:
    """Do everything: load, measure, print the tables, draw the chart."""
    options = _options()
    _require(options)
    end_when_told()
    with tempfile.TemporaryDirectory() as name, tables(Path(name), options.tasks) as (grown, small):
        picks = Picks(grown)
        results = results_of(
            {name: value for name, value in vars(options).items() if name != "output"},
            grown.version,
            # In this order: what has been deleted for the memory's sake is missing afterwards.
            steps=[_step(index, grown, small, picks, options) for index in range(len(grown.population.sizes))],
            lengths=list(_lengths(grown)),
            starts=_starts(grown, picks.task(), Path(name) / "start.log"),
            imports=[_import(grown) for _ in range(STARTS)],
            memory=list(_memory(grown, picks, options.hour_requests, Path(name))),
        )
    _publish(results, options.output)


class Picks:
    """Tasks of a table, picked at random out of all."""

    def __init__(self, table: GrowingTable) -> None:
        self._random = random.Random(0)  # noqa: S311 -- it has to be the same every time.
        self._population = table.population
        self._deleted: set[int] = set()
        self.size = SMALLEST

    def task(self) -> Place:
        """Return one of those that stay."""
        number = self._random.randrange(self.size)
        while number % DELETABLE == 0:
            number = self._random.randrange(self.size)
        return self._population.place(number)

    def deletable(self) -> Place:
        """Return one of those that are there to be deleted, another one each time."""
        number = self._random.randrange(0, self.size, DELETABLE)
        while number in self._deleted:
            number = self._random.randrange(0, self.size, DELETABLE)
        self._deleted.add(number)
        return self._population.place(number)

    def mix(self) -> Iterator[Request]:
        """Ask for everything, in an order that is random and yet always the same."""
        while True:
            yield self._random.choices([*OPERATIONS.values()], [*MIX.values()])[0](self)


def _read_one(picks: Picks) -> Request:
    user_id, task_id = picks.task()
    return Request(user_id, "GET", f"/{task_id}")


def _list_100(picks: Picks) -> Request:
    return Request(picks.task().user_id, "GET")


def _create(picks: Picks) -> Request:
    body = {"title": "Task number 101", "description": "Description of task 101"}
    return Request(picks.task().user_id, "POST", "", body)


def _update(picks: Picks) -> Request:
    user_id, task_id = picks.task()
    return Request(user_id, "PUT", f"/{task_id}", {"title": "Changed", "completed": True})


def _toggle(picks: Picks) -> Request:
    user_id, task_id = picks.task()
    return Request(user_id, "PATCH", f"/{task_id}/complete")


def _delete(picks: Picks) -> Request:
    user_id, task_id = picks.deletable()
    return Request(user_id, "DELETE", f"/{task_id}")


OPERATIONS: dict[str, Callable[[Picks], Request]] = {  # In the order of MIX.
    "read one": _read_one,
    "list 100": _list_100,
    "create": _create,
    "update": _update,
    "toggle": _toggle,
    "delete": _delete,
}


class Connection:
    """One connection to a service, that is kept."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._socket = socket.create_connection((str(address.hostname), address.port or 80), TIMEOUT)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self) -> None:
        """Close it."""
        self._socket.close()

    def seconds(self, request: Request) -> float:
        """Return how long the answer takes, which must be a good one."""
        return self.send(request.method, f"/api/{request.user_id}/tasks{request.path}", request.body)

    def send(self, method: str, path: str, body: object = None) -> float:
        """Return the same for any path."""
        content = b"" if body is None else json.dumps(body).encode()
        described = f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n" if content else ""
        message = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{described}\r\n".encode() + content
        start = time.perf_counter()
        self._socket.sendall(message)
        answer = self._answer()
        seconds = time.perf_counter() - start
        assert answer.startswith(b"HTTP/1.1 201 " if method == "POST" else b"HTTP/1.1 200 "), (method, path, answer)
        return seconds

    def _answer(self) -> bytearray:
        answer = bytearray()
        length = math.inf
        while len(answer) < length:
            received = self._socket.recv(1 << 20)
            if not received:
                raise ConnectionError(f"the answer ends after {len(answer)} bytes")
            answer += received
            end = answer.find(b"\r\n\r\n") if length == math.inf else -1
            if end >= 0:
                told = re.search(rb"\r\nContent-Length: (\d+)", answer[:end], re.IGNORECASE)
                length = end + 4 + (int(told[1]) if told else 0)
        return answer


def _step(index: int, grown: GrowingTable, small: GrowingTable, picks: Picks, options: argparse.Namespace) -> Step:
    """Let the table grow by one step, and measure."""
    size = grown.population.sizes[index]
    seconds = _grow(grown, index)
    small.clear()
    _grow(small, 0)
    picks.size = size
    room, plans = grown.room(index), grown.plans(picks.task())
    with running(OURS, grown) as service, running(OURS, small) as small_one:
        asked = [(service.url, picks), (small_one.url, Picks(small))]
        timings = list(_timings(asked, options.rounds, options.requests, f"measuring {size:,} tasks"))
    return Step(size, round(seconds, 1), room, plans, timings)


def _grow(table: GrowingTable, index: int) -> float:
    """Load what is missing at the size of that index, and return the time that this took."""
    size = table.population.sizes[index]
    start = time.monotonic()
    with tqdm(
        total=table.population.tasks(index) - ([0, *table.population.sizes])[index],
        desc=f"loading up to {size:,}",
        unit=" tasks",
        unit_scale=True,
        smoothing=0.1,
        dynamic_ncols=True,
        leave=size > SMALLEST,
    ) as progress:
        table.grow(index, progress)
    return time.monotonic() - start


def _timings(asked: list[tuple[str, Picks]], rounds: int, requests: int, name: str) -> Iterator[Timing]:
    """Ask both services the same, in turns."""
    # The first round warms up.
    for number in _progress(range(rounds + 1), name):
        # Each worker is a little faster or slower than the other: other connections meet other workers.
        with ExitStack() as stack:
            connections = [(stack.enter_context(closing(Connection(url))), picks) for url, picks in asked]
            for key, operation in OPERATIONS.items():
                times = [
                    [connection.seconds(operation(picks)) for connection, picks in connections] for _ in range(requests)
                ]
                if number > 0:
                    yield Timing(key, number, *(_microseconds(of_one) for of_one in zip(*times, strict=True)))


def _lengths(table: GrowingTable) -> Iterator[Length]:
    """Ask for lists of many lengths, in turns."""
    with running(OURS, table) as service, closing(Connection(service.url)) as connection:
        for number in _progress(range(LENGTH_ROUNDS + 1), "measuring lists"):
            for length in LENGTHS:
                request = Request(f"list-{length}", "GET")
                times = [connection.seconds(request) for _ in range(LENGTH_REQUESTS)]
                if number > 0:  # The first one warms up.
                    yield Length(length, number, _microseconds(times))


def _microseconds(seconds: Iterable[float]) -> float:
    return round(statistics.median(seconds) * 1e6, 1)


def _memory(table: GrowingTable, picks: Picks, requests: int, directory: Path) -> Iterator[Memory]:
    """Send an hour's worth of requests as fast as they are answered, and look at the workers on the way."""
    mix = picks.mix()
    rate = LEAST_PREPARED / 2
    errors = 0

    def send(service: Running, count: int) -> int:
        nonlocal rate, errors
        seconds = max(1, round(count / rate))
        prepared = int(seconds * max(2 * rate, LEAST_PREPARED))
        write_requests(directory / "requests.txt", (next(mix) for _ in range(prepared)), LASTING)
        counted = drive(service.url, directory / "requests.txt", MEMORY_CONNECTIONS, seconds)
        rate = counted.requests / counted.seconds
        errors += sum(counted.errors.values())
        return counted.requests

    with running(LASTING, table) as service:
        master = psutil.Process(service.process.pid)
        wait_for(lambda: len(master.children()) == WORKERS)
        workers = master.children()
        warmed_up = 0
        while warmed_up < MEMORY_WARM_UP:
            warmed_up += send(service, MEMORY_WARM_UP // 4)
        sent = 0
        yield _sample(workers, sent, errors)
        with tqdm(total=requests, desc="watching memory", unit=" requests", dynamic_ncols=True) as progress:
            while sent < requests:
                more = send(service, math.ceil(requests / SAMPLES))
                sent += more
                progress.update(min(more, requests - progress.n))
                yield _sample(workers, sent, errors)


def _sample(workers: list[psutil.Process], sent: int, errors: int) -> Memory:
    facts = [worker.memory_full_info() for worker in workers]
    return Memory(
        requests=sent,
        errors=errors,
        rss=[fact.rss for fact in facts],
        uss=[fact.uss for fact in facts],
    )


def _starts(table: GrowingTable, place: Place, log: Path) -> list[Start]:
    return [_start(table, place, log) for _ in _progress(range(STARTS), "starting")]


def _start(table: GrowingTable, place: Place, log: Path) -> Start:
    """Start the service, and wait for its first answers."""
    start = time.perf_counter()
    service = Service(log, DATABASE_URL=table.url(ROLE))
    try:
        # It listens long before it answers: the request waits for a worker.
        with closing(Connection(service.url())) as connection:
            connection.send("GET", "/health")
            health = time.perf_counter() - start
            connection.seconds(Request(place.user_id, "GET", f"/{place.task_id}"))
            return Start(health=round(health, 3), task=round(time.perf_counter() - start, 3))
    finally:
        service.stop()


def _import(table: GrowingTable) -> float:
    """Return how long it takes to import the application, in seconds."""
    variables = environment(DATABASE_URL=table.url(ROLE))
    command = [PYTHON, "-c", IMPORT]
    return round(float(subprocess.run(command, check=True, capture_output=True, cwd=ROOT, env=variables).stdout), 3)


def _progress(steps: range, name: str) -> Iterable[int]:
    bar: Iterable[int] = tqdm(steps, desc=name, unit="round", dynamic_ncols=True)
    return bar


def _publish(results: Results, output: Path) -> None:
    output.mkdir(parents=True, exist_ok=True)
    results.save(output / "results.json")
    scale_report.draw(results, output)
    print(scale_report.report(results))
    if results.faults:
        print("\n".join(["Plans that are not as they should be:", *results.faults]), file=sys.stderr)


def _require(options: argparse.Namespace) -> None:
    """Raise `SystemExit` where something is missing, or is too much."""
    if not load.is_installed():
        raise SystemExit(load.MISSING)
    if options.tasks % (10 * TASKS) or not 10 * SMALLEST <= options.tasks <= 10**9:
        raise SystemExit(f"--tasks must be a multiple of {10 * TASKS:,}, and {10 * SMALLEST:,} at least")
    if (options.rounds + 1) * options.requests > MOST_DELETED:
        raise SystemExit(f"--requests in --rounds, and in one more to warm up, can be {MOST_DELETED:,} at most")
    if options.hour_requests > 4 * options.tasks:
        raise SystemExit("--hour-requests can be four times --tasks at most, or too many of them would be deleted")
    directory = tempfile.gettempdir()
    free, needed = shutil.disk_usage(directory).free, options.tasks * BYTES + 2**30
    if free < needed:
        raise SystemExit(
            f"{options.tasks:,} tasks need {needed / 2**30:.1f} GiB in {directory}, which has {free / 2**30:.1f} GiB"
            " left: set TMPDIR to a directory on a larger disk, or ask for fewer --tasks"
        )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", type=int, default=10_000_000, help="that there are in the end; 10,000 at first")
    parser.add_argument("--rounds", type=int, default=10, help="at each size")
    parser.add_argument("--requests", type=int, default=100, help="of each operation to each service, in a round")
    parser.add_argument(
        "--hour-requests",
        type=int,
        default=360_000,
        help="that are sent while the workers' memory is watched: a hundred for each second of an hour",
    )
    parser.add_argument("--output", type=Path, default=Path(__file__).parent, metavar="DIRECTORY")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("Interrupted: nothing is written.")
