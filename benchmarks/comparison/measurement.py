"""One server at a time, each with the same table and the same requests from wrk."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from tqdm import tqdm

from benchmarks.comparison.operations import Operation
from benchmarks.comparison.results import Run
from benchmarks.comparison.seed import SeededDatabase
from benchmarks.harness.api import Request
from benchmarks.harness.load import Load, send_requests, write_requests
from benchmarks.harness.processes import read_cpu_seconds, wait_until_idle
from benchmarks.harness.servers import RunningServer, Server, run_server

MOST_PER_SECOND = 15_000  # requests that are prepared for wrk, which repeats them where they are too few
WARM_UP_CONNECTIONS = 16
WARM_UP_SECONDS = 1


class Measurement:
    """Runs of wrk, of so many seconds at each number of connections."""

    def __init__(self, database: SeededDatabase, directory: Path, seconds: int, connections: Sequence[int]) -> None:
        self._database = database
        self._file = directory / "requests.txt"
        self._seconds = seconds
        self._connections = connections
        self._most = (WARM_UP_SECONDS + seconds * len(connections)) * MOST_PER_SECOND
        self._content = database.prepare(self._most)

    def measure_rounds(self, rounds: int, operations: Sequence[Operation], servers: Sequence[Server]) -> Iterator[Run]:
        """Measure every server with every operation in each round.

        The speed of a machine drifts, so the servers that are compared must follow each other closely.
        """
        steps = rounds * len(operations) * len(servers) * len(self._connections)
        with tqdm(total=steps, unit="run", smoothing=0, dynamic_ncols=True) as progress:
            for number in range(1, rounds + 1):
                for operation in operations:
                    for server in servers:
                        progress.set_description(f"round {number}, {operation.name}, {server.name}")
                        for run in self._measure_server(number, operation, server):
                            progress.update()
                            yield run

    def _measure_server(self, number: int, operation: Operation, server: Server) -> Iterator[Run]:
        deletable = int(self._most * operation.deletes)
        # Each run goes on where the one before has ended: no task is deleted twice.
        requests = operation.requests(self._content.with_deletable(deletable))
        with run_server(server, self._database) as running:
            self._database.fill(deletable)
            self._wait_until_idle(running)  # Until then, workers may still be starting.
            self._send(running, requests, WARM_UP_CONNECTIONS, WARM_UP_SECONDS)
            for connections in self._connections:
                self._wait_until_idle(running)  # Requests that wrk has left unanswered do not belong to this run.
                cpu_before = self._read_cpu_seconds(running)
                counted = self._send(running, requests, connections, self._seconds)
                cpu_after = self._read_cpu_seconds(running)
                cpu, database_cpu = (after - before for after, before in zip(cpu_after, cpu_before, strict=True))
                if counted.requests == 0:
                    raise SystemExit(f"{server.name} answered nothing within {self._seconds} s: give it more --seconds")
                yield Run(
                    round=number,
                    operation=operation.name,
                    server=server.name,
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

    def _send(self, running: RunningServer, requests: Iterator[Request], connections: int, seconds: int) -> Load:
        write_requests(self._file, islice(requests, seconds * MOST_PER_SECOND), running.server)
        return send_requests(running.url, self._file, connections, seconds)

    def _wait_until_idle(self, running: RunningServer) -> None:
        wait_until_idle(running.process.pid, self._database.server_pid)

    def _read_cpu_seconds(self, running: RunningServer) -> tuple[float, float]:
        return running.cpu_seconds(), read_cpu_seconds(self._database.server_pid)
