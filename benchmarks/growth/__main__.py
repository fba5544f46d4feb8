"""The service as its table grows to ten million tasks: `make bench-scale`, or `python -m benchmarks.growth`."""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from benchmarks.growth.memory import measure_memory
from benchmarks.growth.operations import DELETABLE, RandomTasks
from benchmarks.growth.population import SMALLEST
from benchmarks.growth.report import publish
from benchmarks.growth.results import GrowthResults
from benchmarks.growth.starts import measure_imports, measure_starts
from benchmarks.growth.table import run_tables
from benchmarks.growth.timings import measure_lengths, measure_step
from benchmarks.harness.api import TASKS_PER_USER
from benchmarks.harness.load import require_wrk
from benchmarks.harness.processes import exit_on_signals
from benchmarks.harness.results import describe_circumstances

BYTES = 700  # of disk for each task, at most: half for the table, half for the log that loading writes
MOST_DELETED = 3 * SMALLEST // DELETABLE // 4


def main() -> None:
    """Load and measure the table at every size, print the tables, and draw the chart."""
    options = _parse_options()
    require_wrk()
    _check(options)
    exit_on_signals()
    results = _measure(options)
    options.output.mkdir(parents=True, exist_ok=True)
    results.save(options.output / "results.json")
    publish(results, options.output)
    if results.faults:
        print("\n".join(["Plans that are not as they should be:", *results.faults]), file=sys.stderr)


def _measure(options: argparse.Namespace) -> GrowthResults:
    recorded = {name: value for name, value in vars(options).items() if name != "output"}
    with tempfile.TemporaryDirectory() as name, run_tables(Path(name), options.tasks) as (grown, small):
        tasks = RandomTasks(grown)
        return GrowthResults(
            # The memory comes last, because the tasks that it deletes would be missing from the others.
            steps=[measure_step(grown, small, tasks, options.rounds, options.requests) for _ in grown.population.sizes],
            lengths=list(measure_lengths(grown)),
            starts=list(measure_starts(grown, tasks.choose(), Path(name) / "start.log")),
            imports=list(measure_imports(grown)),
            memory=list(measure_memory(grown, tasks, options.hour_requests, Path(name))),
            **describe_circumstances(grown.version, recorded),
        )


def _check(options: argparse.Namespace) -> None:
    """Raise `SystemExit` where an option is out of range, or the disk too small."""
    if options.tasks % (10 * TASKS_PER_USER) or not 10 * SMALLEST <= options.tasks <= 10**9:
        raise SystemExit(f"--tasks must be a multiple of {10 * TASKS_PER_USER:,}, and {10 * SMALLEST:,} at least")
    if (options.rounds + 1) * options.requests > MOST_DELETED:
        raise SystemExit(f"--rounds and one to warm up, times --requests, can be {MOST_DELETED:,} at most")
    if options.hour_requests > 4 * options.tasks:
        raise SystemExit("--hour-requests can be four times --tasks at most, or too many tasks would be deleted")
    directory = tempfile.gettempdir()
    free, needed = shutil.disk_usage(directory).free, options.tasks * BYTES + 2**30
    if free < needed:
        raise SystemExit(
            f"{options.tasks:,} tasks need {needed / 2**30:.1f} GiB in {directory}, which has {free / 2**30:.1f} GiB"
            " left: set TMPDIR to a directory on a larger disk, or give fewer --tasks"
        )


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("--tasks", type=int, default=10_000_000, help="the largest size; the first is 10,000")
    parser.add_argument("--rounds", type=int, default=10, help="at each size")
    parser.add_argument("--requests", type=int, default=100, help="of each operation to each service, in a round")
    parser.add_argument(
        "--hour-requests",
        type=int,
        default=360_000,
        help="that are sent while the memory of the workers is measured: a hundred for each second of an hour",
    )
    parser.add_argument("--output", type=Path, default=Path(__file__).parent, help="directory of results and chart")
    return parser.parse_args()


if __name__ == "__main__":
    main()
