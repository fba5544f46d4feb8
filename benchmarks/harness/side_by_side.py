"""Two services at once, asked in turns by one client: the ratio of their latencies, round by round."""

import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from app.database.embedded import EmbeddedServer
from tests.service import Client, flask, running

ROUNDS = 20
REQUESTS = 300  # in a round, of each


def compare(
    question: str,
    without: dict[str, str],
    with_it: dict[str, str],
    prepare: Callable[[str], None] = lambda _url: None,
) -> None:
    """Print what the second settings cost over the first, for reading one task, a list of a hundred, and a flip.

    The services have one worker and one thread each, and a database each on servers of their own; the second is
    prepared by `prepare`, which is given its URL.
    """
    print(question)
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        services = []
        for name, settings in (("without", without), ("with", with_it)):
            server = EmbeddedServer(Path(directory) / name)
            server.start()
            stack.callback(server.stop)
            variables: dict[str, Any] = {"DATABASE_URL": server.url(), "WEB_CONCURRENCY": "1", "THREADS": "1"}
            variables |= settings
            for command in (("db", "upgrade"), ("row-security",)):
                flask(*command, **variables).check_returncode()
            if name == "with":
                prepare(server.url())
            services.append(stack.enter_context(running(Path(directory) / f"{name}.log", **variables)))
        task_ids = [_a_hundred_tasks(client)[0] for client in services]
        _print_ratio("read one", services, "GET", [f"/api/alice/tasks/{task_id}" for task_id in task_ids])
        _print_ratio("list 100", services, "GET", ["/api/alice/tasks"] * 2)
        _print_ratio("flip", services, "PATCH", [f"/api/alice/tasks/{task_id}/complete" for task_id in task_ids])


def _a_hundred_tasks(client: Client) -> list[str]:
    return [client.of("alice").create(f"Task {number}")["id"] for number in range(100)]


def _print_ratio(name: str, services: list[Client], method: str, paths: list[str]) -> None:
    connections = [HTTPConnection(client.url.removeprefix("http://")) for client in services]
    for connection, path in zip(connections, paths, strict=True):
        _seconds(connection, method, path)  # Warms both up.
    rounds = [
        [_seconds(connection, method, path) for connection, path in zip(connections, paths, strict=True)]
        for _ in range(ROUNDS)
    ]
    ratios = sorted(with_it / without for without, with_it in rounds)
    without, with_it = (statistics.median(times) * 1e6 for times in zip(*rounds, strict=True))
    print(
        f"{name}: {without:.0f} µs without, {with_it:.0f} µs with, ratio {statistics.median(ratios):.3f}"
        f" (quartiles {ratios[ROUNDS // 4]:.3f} to {ratios[3 * ROUNDS // 4]:.3f}, {ROUNDS} rounds of {REQUESTS})"
    )
    for connection in connections:
        connection.close()


def _seconds(connection: HTTPConnection, method: str, path: str) -> float:
    """Return the mean time of a request."""
    start = time.perf_counter()
    for _ in range(REQUESTS):
        connection.request(method, path)
        response = connection.getresponse()
        response.read()
        assert response.status == 200
    return (time.perf_counter() - start) / REQUESTS
