"""What versions cost a request: `python -m benchmarks.costs.versions COMMIT`, beside the service as it was then.

The commit is one of this repository that runs with the packages that are installed; 6e621cd is the last one without
versions. The first part asks services of one thread, in turns. The second one lets sixteen connections change the tasks
of one user, and of sixteen users, of services as large as by default.
"""

import io
import subprocess
import sys
import tarfile
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from statistics import median

from benchmarks.harness.api import Request, create_task, delete_task, toggle_task, update_task
from benchmarks.harness.load import require_wrk, send_requests, write_requests
from benchmarks.harness.processes import exit_on_signals
from benchmarks.harness.servers import OURS, RunningServer
from benchmarks.harness.side_by_side import (
    ONE_THREAD,
    REQUESTS,
    USER,
    Operation,
    Side,
    create_tasks,
    make_operations,
    print_ratio,
    run_sides,
)
from tests.support.project import ROOT

WRITERS = 16
TURNS = 5
SECONDS = 2  # for each turn


def main() -> None:
    """Measure the commit on the command line beside this checkout."""
    if len(sys.argv) != 2:
        raise SystemExit("Name a commit: python -m benchmarks.costs.versions COMMIT")
    exit_on_signals()
    require_wrk()
    with tempfile.TemporaryDirectory() as directory:
        before = replace(OURS, name="before", directory=Path(directory))
        _extract(sys.argv[1], before.directory)
        sides = [Side("before", before), Side("now", OURS)]
        print(f"The service at {sys.argv[1]}, and now:")
        _compare_operations([replace(side, server=replace(side.server, settings=ONE_THREAD)) for side in sides])
        _compare_writers(sides)


def _extract(commit: str, directory: Path) -> None:
    """Write the files of a commit into the directory."""
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(directory, filter="data")


def _compare_operations(sides: list[Side]) -> None:
    with ExitStack() as stack:
        services = run_sides(stack, sides)
        keys = {service.url: create_tasks(service, USER)[0] for service in services}
        operations: dict[str, Operation] = {
            **make_operations(keys),
            "create": lambda service: [create_task("creator", number) for number in range(REQUESTS)],
            "update": lambda service: [
                update_task(keys[service.url], f"Title {number}", completed=number % 2 == 0)
                for number in range(REQUESTS)
            ],
            "delete": lambda service: [delete_task(key) for key in create_tasks(service, "deleter", REQUESTS)],
        }
        for name, operation in operations.items():
            print_ratio(name, sides, services, operation)


def _compare_writers(sides: list[Side]) -> None:
    """Print how many changes a second sixteen connections get, to the tasks of one user, and of sixteen."""
    with ExitStack() as stack:
        services = run_sides(stack, sides)
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for name, users in {"one user": ["all"] * WRITERS, "sixteen users": [f"u{i}" for i in range(WRITERS)]}.items():
            files = [_write_toggles(directory / f"{len(set(users))}-{i}", services[i], users) for i in (0, 1)]
            turns = [
                [
                    send_requests(service.url, file, WRITERS, SECONDS)
                    for service, file in zip(services, files, strict=True)
                ]
                for _ in range(TURNS)
            ]
            assert not any(sum(load.errors.values()) for turn in turns for load in turn)
            rates = [[load.requests / load.seconds for load in turn] for turn in turns]
            before, now = (median(rate) for rate in zip(*rates, strict=True))
            ratio = median(second / first for first, second in rates)
            print(
                f"toggles by {WRITERS} connections, {name}: {before:,.0f}/s before, {now:,.0f}/s now, ratio {ratio:.3f}"
                f" ({TURNS} turns of {SECONDS} s)"
            )


def _write_toggles(file: Path, service: RunningServer, users: list[str]) -> Path:
    """Write a file of requests, each of which flips another task, one for each user in turn."""
    toggles: list[Request] = [toggle_task(key) for user in users for key in create_tasks(service, user, 1)]
    write_requests(file, toggles, service.server)
    return file


if __name__ == "__main__":
    main()
