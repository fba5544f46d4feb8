"""What connections cost each class of workers: `python -m benchmarks.costs.connections`.

Reads of one task by 100 connections: kept and busy; without keep-alive; and beside 500 and 2,000 idle connections. Then
the memory of a worker at rest and after as many requests as an hour has at 50 requests a second.
"""

import re
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from benchmarks.harness.database import Database, run_postgresql
from benchmarks.harness.load import require_wrk
from benchmarks.harness.processes import exit_on_signals
from benchmarks.harness.servers import OURS, RunningServer, run_server
from config import WORKER_CLASSES

BUSY = 100
SECONDS = 3
IDLE = (0, 500, 2000)
AN_HOUR = 50 * 3600  # requests


def main() -> None:
    """Measure each class of workers, in turns, on a database of its own."""
    exit_on_signals()
    require_wrk()
    for name in WORKER_CLASSES:
        with (
            tempfile.TemporaryDirectory() as directory,
            run_postgresql(Path(directory)) as postgresql,
            closing(Database(postgresql)) as database,
            run_server(replace(OURS, settings={"WORKER_CLASS": name}), database) as service,
        ):
            print(f"{name}:")
            _measure(service)


def _measure(service: RunningServer) -> None:
    path = f"/api/alice/tasks/{service.client.of('alice').create()['id']}"
    print(f"  at rest: {_format_memory(service)}")
    print(f"  without keep-alive: {_send(service, path, '--header', 'Connection: close')}")
    for number in IDLE:
        with _hold_idle_connections(service, number):
            print(f"  beside {number} idle connections: {_send(service, path)}")
    answered = 0
    while answered < AN_HOUR:
        answered += int(_send(service, path).split()[0].replace(",", "")) * SECONDS
    print(f"  after {answered:,} requests: {_format_memory(service)}")


def _send(service: RunningServer, path: str, *options: str) -> str:
    """Send reads for some seconds, and return how many a second were answered, and the 99th percentile."""
    command = ["wrk", "--threads", "1", "--connections", str(BUSY), "--duration", f"{SECONDS}s", "--latency", *options]
    output = subprocess.run([*command, service.url + path], check=True, stdout=subprocess.PIPE, text=True).stdout
    requests, slowest = re.search(r"Requests/sec: +(\S+)", output), re.search(r"99% +(\S+)", output)
    failures = re.findall(r"Non-2xx.*|Socket errors.*", output)
    if requests is None or slowest is None:
        raise SystemExit(output)
    return f"{float(requests[1]):,.0f} requests/s, p99 {slowest[1]}{''.join(f', {failure}' for failure in failures)}"


@contextmanager
def _hold_idle_connections(service: RunningServer, number: int) -> Iterator[None]:
    """Keep so many connections open, on each of which one request was answered."""
    host, port = service.url.removeprefix("http://").split(":")
    connections = []
    try:
        for _ in range(number):
            connection = socket.create_connection((host, int(port)))
            connections.append(connection)
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            connection.recv(4096)
        yield
    finally:
        for connection in connections:
            connection.close()


def _format_memory(service: RunningServer) -> str:
    sizes = [process.memory_full_info() for process in service.workers()]
    return ", ".join(f"{size.uss / 2**20:.1f} MiB of its own ({size.rss / 2**20:.1f} RSS)" for size in sizes)


if __name__ == "__main__":
    main()
