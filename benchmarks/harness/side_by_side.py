"""Two services side by side, asked in turns by one client: the ratio of their latencies in each round."""

import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.harness.api import TASKS_PER_USER, Request, TaskKey, get_task, list_tasks, toggle_task
from benchmarks.harness.connection import Connection
from benchmarks.harness.database import Database, run_postgresql
from benchmarks.harness.processes import exit_on_signals
from benchmarks.harness.servers import OURS, RunningServer, Server, run_server

USER = "alice"
ROUNDS = 100
REQUESTS = 60  # to each service in a round
ONE_THREAD = {"WEB_CONCURRENCY": "1", "THREADS": "1"}

Operation = Callable[[RunningServer], list[Request]]  # makes the requests of one round, outside of the time that counts


@dataclass(frozen=True)
class Side:
    """One of the services that are compared. `prepare` changes its database before it starts."""

    name: str
    server: Server
    prepare: Callable[[Database], None] | None = None


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
    sides = [
        Side("without", replace(OURS, settings=ONE_THREAD | dict(without))),
        Side("with", replace(OURS, settings=ONE_THREAD | dict(with_it)), prepare),
    ]
    with ExitStack() as stack:
        services = run_sides(stack, sides)
        keys = {service.url: create_tasks(service, USER)[0] for service in services}
        for name, operation in make_operations(keys).items():
            print_ratio(name, sides, services, operation)


def make_operations(keys: Mapping[str, TaskKey]) -> dict[str, Operation]:
    """Return the operations that every comparison has, on the task of each service, which its URL finds in `keys`."""
    return {
        "read one": lambda service: [get_task(keys[service.url])] * REQUESTS,
        "list 100": lambda service: [list_tasks(USER)] * REQUESTS,
        "toggle": lambda service: [toggle_task(keys[service.url])] * REQUESTS,
    }


def run_sides(stack: ExitStack, sides: Sequence[Side]) -> list[RunningServer]:
    """Start the services, each on a PostgreSQL server of its own, until the stack is closed."""
    directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    return [_start(stack, directory / str(number), side) for number, side in enumerate(sides)]


def _start(stack: ExitStack, directory: Path, side: Side) -> RunningServer:
    database = Database(stack.enter_context(run_postgresql(directory)), directory=side.server.directory)
    stack.enter_context(closing(database))
    database.run_flask("row-security", **side.server.settings)
    if side.prepare:
        side.prepare(database)
    return stack.enter_context(run_server(side.server, database, directory / "service.log"))


def create_tasks(service: RunningServer, user_id: str, number: int = TASKS_PER_USER) -> list[TaskKey]:
    """Create so many tasks for the user, and return their keys."""
    tasks = service.client.of(user_id)
    return [TaskKey(user_id, tasks.create(f"Task {index}")["id"]) for index in range(number)]


def print_ratio(name: str, sides: Sequence[Side], services: Sequence[RunningServer], operation: Operation) -> None:
    """Ask both services in turns, and print the times of an answer and their ratio, the second by the first."""
    connections = [Connection(service.url) for service in services]
    asked = list(zip(connections, services, map(authorize, services), strict=True))
    for connection, service, headers in asked:
        measure_mean(connection, operation(service), headers)  # This round warms up the services.
    rounds = [
        [measure_mean(connection, operation(service), headers) for connection, service, headers in asked]
        for _ in range(ROUNDS)
    ]
    for connection in connections:
        connection.close()
    ratios = sorted(second / first for first, second in rounds)
    times = (statistics.median(times) * 1e6 for times in zip(*rounds, strict=True))
    told = ", ".join(f"{time:.0f} µs {side.name}" for time, side in zip(times, sides, strict=True))
    print(
        f"{name}: {told}, ratio {statistics.median(ratios):.3f}"
        f" (quartiles {ratios[ROUNDS // 4]:.3f} to {ratios[3 * ROUNDS // 4]:.3f}, {ROUNDS} rounds of {REQUESTS})"
    )


def authorize(service: RunningServer) -> dict[str, str]:
    """Return the headers by which `USER` is let in, none where the service wants none."""
    token = service.server.token(USER)
    return {"Authorization": f"Bearer {token}"} if token else {}


def measure_mean(
    connection: Connection, requests: Sequence[Request], headers: Mapping[str, str] | None = None
) -> float:
    """Send the requests with these headers, and return the mean time of an answer in seconds."""
    return statistics.fmean(connection.measure(request, headers) for request in requests)
