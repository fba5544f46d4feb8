"""How long requests take: while the table grows, and for lists of many lengths."""

import statistics
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing

from tqdm import tqdm

from benchmarks.growth.operations import OPERATIONS, RandomTasks
from benchmarks.growth.plans import explain_statements
from benchmarks.growth.results import Length, Step, Timing
from benchmarks.growth.table import LENGTHS, GrowingTable
from benchmarks.harness.api import list_tasks
from benchmarks.harness.connection import Connection
from benchmarks.harness.servers import OURS, run_server

LENGTH_ROUNDS = 20
LENGTH_REQUESTS = 5  # in a round, for each length


def measure_step(grown: GrowingTable, small: GrowingTable, tasks: RandomTasks, rounds: int, requests: int) -> Step:
    """Let the table grow to its next size, and measure that many requests of each operation in each round.

    The table can't shrink for another round, and the speed of a machine drifts: hence the small table beside it.
    """
    seconds = grown.grow()
    small.clear()
    small.grow()
    size, plans = grown.measure_size(), explain_statements(grown.url(), tasks.choose())
    with run_server(OURS, grown) as service, run_server(OURS, small) as small_service:
        asked = [(service.url, tasks), (small_service.url, RandomTasks(small))]
        timings = list(_measure_operations(asked, rounds, requests, f"measuring {grown.size:,} tasks"))
    return Step(grown.size, round(seconds, 1), size, plans, timings)


def measure_lengths(table: GrowingTable) -> Iterator[Length]:
    """Measure lists of many lengths, in turns."""
    with run_server(OURS, table) as service, closing(Connection(service.url)) as connection:
        for number in _show_rounds(LENGTH_ROUNDS + 1, "measuring lists"):
            for length in LENGTHS:
                request = list_tasks(f"list-{length}")
                times = [connection.measure(request) for _ in range(LENGTH_REQUESTS)]
                if number > 0:  # The first round warms up.
                    yield Length(length, number, _median_in_microseconds(times))


def _measure_operations(
    asked: list[tuple[str, RandomTasks]], rounds: int, requests: int, description: str
) -> Iterator[Timing]:
    """Send the same operations to both services, in turns."""
    for number in _show_rounds(rounds + 1, description):
        # One worker is always a little faster than the other, and new connections may reach another one.
        with ExitStack() as stack:
            connections = [(stack.enter_context(closing(Connection(url))), tasks) for url, tasks in asked]
            for name, operation in OPERATIONS.items():
                times = [
                    [connection.measure(operation(tasks)) for connection, tasks in connections] for _ in range(requests)
                ]
                if number > 0:  # The first round warms up.
                    grown, small = (_median_in_microseconds(of_one) for of_one in zip(*times, strict=True))
                    yield Timing(name, number, grown, small)


def _median_in_microseconds(seconds: Iterable[float]) -> float:
    return round(statistics.median(seconds) * 1e6, 1)


def _show_rounds(rounds: int, description: str) -> Iterable[int]:
    bar: Iterable[int] = tqdm(range(rounds), desc=description, unit="round", dynamic_ncols=True)
    return bar
