"""What a list costs that a client asks for more of: `python -m benchmarks.costs.lists`.

Each way of asking is measured in turns with the plain list of the same user, on a service of one thread.
"""

from contextlib import ExitStack, closing
from dataclasses import replace
from statistics import median

from benchmarks.harness.api import Request
from benchmarks.harness.connection import Connection
from benchmarks.harness.processes import exit_on_signals
from benchmarks.harness.servers import OURS, RunningServer
from benchmarks.harness.side_by_side import ONE_THREAD, Side, create_tasks, measure_mean, run_sides

SIZES = {100: 100, 1_000: 20, 10_000: 5}  # tasks of a user, and how often each list is asked for in a round
ROUNDS = 15
WAYS = {
    "the full view": "?view=full",
    "status=pending": "?status=pending",
    "search=task 7": "?search=task%207",
    "tags=home": "?tags=home",
    "sort_by=title": "?sort_by=title",
    "sort_by=due_date": "?sort_by=due_date",
    "sort_by=updated_at, descending": "?sort_by=updated_at&order=desc",
    "limit=50": "?limit=50",
    "limit=50, the last page by offset": "?limit=50&offset={last}",
    "limit=50, sort_by=title": "?limit=50&sort_by=title",
}


def main() -> None:
    """Print the time of each way to ask, and its ratio to the plain list."""
    exit_on_signals()
    with ExitStack() as stack:
        (service,) = run_sides(stack, [Side("now", replace(OURS, settings=ONE_THREAD))])
        for size, times in SIZES.items():
            create_tasks(service, _owner(size), size)
            # Created now, as the service closes a connection that is idle while many tasks are created.
            with closing(Connection(service.url)) as connection:
                _measure(service, connection, size, times)


def _measure(service: RunningServer, connection: Connection, size: int, times: int) -> None:
    user = _owner(size)
    plain = [Request(user, "GET")] * times
    tag = service.client.of(user).list_tasks().headers["ETag"]
    print(f"{size:,} tasks: {measure_mean(connection, plain) * 1e6:,.0f} µs")
    _print_ratio("304", connection, plain, plain, {"If-None-Match": tag})
    for name, query in WAYS.items():
        asked = [Request(user, "GET", query.format(last=size - 50))] * times
        _print_ratio(name, connection, plain, asked)


def _owner(size: int) -> str:
    return f"user-{size}"


def _print_ratio(
    name: str,
    connection: Connection,
    plain: list[Request],
    asked: list[Request],
    headers: dict[str, str] | None = None,
) -> None:
    rounds = [(measure_mean(connection, plain), measure_mean(connection, asked, headers)) for _ in range(ROUNDS)]
    ratio = median(way / whole for whole, way in rounds)
    print(f"  {name}: {median(way for _, way in rounds) * 1e6:,.0f} µs, ratio {ratio:.3f}")


if __name__ == "__main__":
    main()
