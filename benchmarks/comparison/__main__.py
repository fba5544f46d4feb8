"""Our service beside what a user would pick instead: `make bench`, or `python -m benchmarks.comparison`.

One server at a time, each from the same table, asked the same by wrk. Rounds are interleaved, because machines drift:
in each, every server has its turn with every operation, and a turn goes through all numbers of connections.
"""

import argparse
import resource
import select
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks.comparison import agreement, charts
from benchmarks.comparison.operations import OPERATIONS, Operation
from benchmarks.comparison.report import report
from benchmarks.comparison.results import Results, Run, results_of
from benchmarks.comparison.seed import Content, Database, database
from benchmarks.harness import load
from benchmarks.harness.load import Load, drive, write_requests
from benchmarks.harness.servers import (
    FASTIFY,
    LIMIT,
    OURS,
    PEERS_PYTHON,
    SERVERS,
    Running,
    Server,
    cpu_seconds,
    end_when_told,
    has_node,
    running,
)
from tests.service import wait_for

MOST_PER_SECOND = 15_000  # requests that are prepared for wrk; it sends them again where they do not last.
WARM_UP = (16, 1)  # connections, seconds
QUIET = 0.2  # seconds without work, after which a server is idle
OPEN_FILES = 4096  # for many connections, where the system would allow fewer


def main() -> None:
    """Do everything: check, measure, print the tables, draw the charts."""
    options = _options()
    servers = _available(options.servers)
    _make_ready()
    with tempfile.TemporaryDirectory() as directory, database() as db:
        agreement.check(db, servers, Path(directory))
        print("All servers give the same answers to the same requests.", file=sys.stderr)
        bench = Bench(db, Path(directory), options.seconds, options.connections)
        steps = options.rounds * len(options.operations) * len(servers) * len(options.connections)
        with tqdm(total=steps, unit="run", smoothing=0, dynamic_ncols=True) as progress:
            runs = list(_rounds(bench, options.rounds, options.operations, servers, progress))
        results = results_of(runs, db.version, options.rounds, options.seconds)
    _publish(results, options.output)


class Bench:
    """The turns of the servers."""

    def __init__(self, db: Database, directory: Path, seconds: int, connections: Sequence[int]) -> None:
        self._db = db
        self._file = directory / "requests.txt"
        self._seconds = seconds
        self._connections = connections
        self._most = (WARM_UP[1] + seconds * len(connections)) * MOST_PER_SECOND
        self._content: Content = db.prepare(self._most)

    def turn(self, number: int, operation: Operation, server: Server) -> Iterator[Run]:
        """Measure one server with one operation, at each number of connections."""
        deletable = int(self._most * operation.deletes)
        requests = operation.requests(self._content.with_deletable(deletable))

        def send(connections: int, seconds: int) -> Load:
            # Each run goes on where the one before has ended: no task is deleted twice.
            write_requests(self._file, islice(requests, seconds * MOST_PER_SECOND), server)
            return drive(started.url, self._file, connections, seconds)

        with running(server, self._db) as started:
            self._db.fill(deletable)
            self._wait_until_idle(started)  # All of its workers have started by then.
            send(*WARM_UP)
            for connections in self._connections:
                yield self._measured(started, number, operation, connections, send)

    def _measured(
        self, started: Running, number: int, operation: Operation, connections: int, send: Callable[[int, int], Load]
    ) -> Run:
        self._wait_until_idle(started)  # What wrk has left behind when its time was over is not of this run.
        before = self._cpu(started)
        counted = send(connections, self._seconds)
        cpu, database_cpu = (after - earlier for after, earlier in zip(self._cpu(started), before, strict=True))
        if counted.requests == 0:
            raise SystemExit(f"{started.server.name} answered nothing within {self._seconds} s: give it more --seconds")
        return Run(
            round=number,
            operation=operation.name,
            server=started.server.name,
            connections=connections,
            requests=counted.requests,
            seconds=counted.seconds,
            requests_per_second=round(counted.requests / counted.seconds, 2),
            p50_ms=round(counted.p50 * 1000, 3),
            p99_ms=round(counted.p99 * 1000, 3),
            errors=counted.errors,
            cpu_seconds=round(cpu / counted.requests * 1000, 4),
            database_cpu_seconds=round(database_cpu / counted.requests * 1000, 4),
        )

    def _wait_until_idle(self, started: Running) -> None:
        last, since = self._cpu(started), time.monotonic()

        def is_idle() -> bool:
            nonlocal last, since
            now = self._cpu(started)
            if now != last:
                last, since = now, time.monotonic()
            return time.monotonic() - since > QUIET

        wait_for(is_idle)

    def _cpu(self, started: Running) -> tuple[float, float]:
        return started.cpu_seconds(), cpu_seconds(self._db.pid)


def _rounds(
    bench: Bench, rounds: int, operations: Sequence[Operation], servers: Sequence[Server], progress: Any
) -> Iterator[Run]:
    for number in range(1, rounds + 1):
        for operation in operations:
            for server in servers:
                progress.set_description(f"round {number}, {operation.name}, {server.name}")
                for run in bench.turn(number, operation, server):
                    progress.update()
                    yield run


def _available(wanted: Sequence[Server]) -> list[Server]:
    """Return those of the servers that can run here. Raises `SystemExit` where none can be measured."""
    if not load.is_installed():
        raise SystemExit(load.MISSING)
    if not Path(PEERS_PYTHON).exists():
        raise SystemExit("The peers are not installed: make bench does that")
    servers = [server for server in SERVERS if server in wanted or server is OURS]
    if FASTIFY in servers and not has_node():
        print("Node.js or npm is missing, so Fastify is left out.", file=sys.stderr)
        servers.remove(FASTIFY)
    if LIMIT in servers and not hasattr(select, "epoll"):
        print("There is no epoll here, so the limit runs on gthread alone.", file=sys.stderr)
        servers.remove(LIMIT)
    return servers


def _make_ready() -> None:
    """Allow many connections, and end what was started when we are told to end."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < OPEN_FILES:
        wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    end_when_told()


def _publish(results: Results, output: Path) -> None:
    output.mkdir(parents=True, exist_ok=True)
    results.save(output / "results.json")
    charts.draw(results, output)
    print(report(results))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.comparison", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3, help="how long each run of wrk takes")
    parser.add_argument("--operations", type=_some_of(OPERATIONS), default=OPERATIONS, metavar=_keys(OPERATIONS))
    parser.add_argument("--servers", type=_some_of(SERVERS), default=SERVERS, metavar=_keys(SERVERS))
    parser.add_argument("--connections", type=_numbers, default=[1, 16, 100, 500], metavar="1,16,100,500")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent, help="directory of what is written")
    return parser.parse_args()


def _keys(choices: Sequence[Any]) -> str:
    return ",".join(choice.key for choice in choices)


def _some_of(choices: Sequence[Any]) -> Callable[[str], list[Any]]:
    """Return the function that finds the choices by their keys, which have commas between them."""
    known = {choice.key: choice for choice in choices}

    def chosen(keys: str) -> list[Any]:
        unknown = [key for key in keys.split(",") if key not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"no {', '.join(unknown)}, but {', '.join(known)}")
        return [known[key] for key in keys.split(",")]

    return chosen


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("Interrupted: nothing is written.")
