"""Two services side by side, asked in turns by one client: the ratio of their latencies in each round."""

import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.harness.api import TASKS_PER_USER, Request, TaskKey, get_task, list_tasks, toggle_task
from benchmarks.harness.database import Database, run_postgresql
from benchmarks.harness.processes import exit_on_signals
from benchmarks.harness.servers import OURS, RunningServer, run_server

USER = "alice"
ROUNDS = 20
REQUESTS = 300  # to each service in a round


def compare(
    question: str,
    without: Mapping[str, str],
    with_it: Mapping[str, str],
    prepare: Callable[[Database], None] | None = None,
) -> None:
    """Print what the second settings cost over the first, for reading one task, a list of a hundred, and a toggle.

    Each service has one worker with one thread, and a PostgreSQL server of its own. `prepare` changes the database of
    the second service before that service starts.
    """
    exit_on_signals()
    print(question)
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        services = [
            _start(stack, Path(directory) / "without", without),
            _start(stack, Path(directory) / "with", with_it, prepare),
        ]
        keys = [_create_tasks(service)[0] for service in services]
        connections = [stack.enter_context(closing(_connect(service))) for service in services]
        _print_ratio("read one", connections, [get_task(key) for key in keys])
        _print_ratio("list 100", connections, [list_tasks(key.user_id) for key in keys])
        _print_ratio("toggle", connections, [toggle_task(key) for key in keys])


def _start(
    stack: ExitStack,
    directory: Path,
    settings: Mapping[str, str],
    prepare: Callable[[Database], None] | None = None,
) -> RunningServer:
    database = Database(stack.enter_context(run_postgresql(directory)))
    stack.enter_context(closing(database))
    database.run_flask("row-security", **settings)
    if prepare:
        prepare(database)
    server = replace(OURS, settings={"WEB_CONCURRENCY": "1", "THREADS": "1", **settings})
    return stack.enter_context(run_server(server, database, directory / "service.log"))


def _create_tasks(service: RunningServer) -> list[TaskKey]:
    tasks = service.client.of(USER)
    return [TaskKey(USER, tasks.create(f"Task {number}")["id"]) for number in range(TASKS_PER_USER)]


def _connect(service: RunningServer) -> HTTPConnection:
    return HTTPConnection(urlsplit(service.url).netloc)


def _print_ratio(operation: str, connections: list[HTTPConnection], requests: list[Request]) -> None:
    asked = list(zip(connections, requests, strict=True))
    for connection, request in asked:
        _measure_mean(connection, request)  # This round warms up the services.
    rounds = [[_measure_mean(connection, request) for connection, request in asked] for _ in range(ROUNDS)]
    ratios = sorted(with_it / without for without, with_it in rounds)
    without, with_it = (statistics.median(times) * 1e6 for times in zip(*rounds, strict=True))
    print(
        f"{operation}: {without:.0f} µs without, {with_it:.0f} µs with, ratio {statistics.median(ratios):.3f}"
        f" (quartiles {ratios[ROUNDS // 4]:.3f} to {ratios[3 * ROUNDS // 4]:.3f}, {ROUNDS} rounds of {REQUESTS})"
    )


def _measure_mean(connection: HTTPConnection, request: Request) -> float:
    """Send the request many times, and return the mean time of an answer in seconds."""
    target = request.target
    start = time.perf_counter()
    for _ in range(REQUESTS):
        connection.request(request.method, target)
        response = connection.getresponse()
        response.read()
        assert response.status == 200
    return (time.perf_counter() - start) / REQUESTS
