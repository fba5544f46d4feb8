"""The service beside others that one would choose instead: `make bench`, or `python -m benchmarks.comparison`."""

import argparse
import resource
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks.comparison.agreement import check_agreement
from benchmarks.comparison.measurement import Measurement
from benchmarks.comparison.operations import OPERATIONS
from benchmarks.comparison.report import publish
from benchmarks.comparison.results import ComparisonResults
from benchmarks.comparison.seed import SeededDatabase
from benchmarks.comparison.servers import SERVERS, read_peers_versions, select_available
from benchmarks.harness.database import run_postgresql
from benchmarks.harness.load import require_wrk
from benchmarks.harness.processes import exit_on_signals
from benchmarks.harness.results import describe_circumstances
from benchmarks.harness.servers import CONNECTIONS, WORKERS, Server

OPEN_FILES = 4096  # that this process needs for many connections; the default limit may be lower


def main() -> None:
    """Check that the servers agree, measure them, print the tables, and draw the charts."""
    options = _parse_options()
    require_wrk()
    servers = select_available(options.servers)
    _raise_limit_of_open_files()
    exit_on_signals()
    results = _measure(options, servers)
    options.output.mkdir(parents=True, exist_ok=True)
    results.save(options.output / "results.json")
    publish(results, options.output)


def _measure(options: argparse.Namespace, servers: Sequence[Server]) -> ComparisonResults:
    with (
        tempfile.TemporaryDirectory() as name,
        run_postgresql(directory := Path(name)) as postgresql,
        closing(SeededDatabase(postgresql)) as database,
    ):
        check_agreement(database, servers, directory)
        print("All servers give the same answers to the same requests.", file=sys.stderr)
        measurement = Measurement(database, directory, options.seconds, options.connections)
        runs = list(measurement.measure_rounds(options.rounds, options.operations, servers))
    circumstances = describe_circumstances(
        database.version,
        {
            "rounds": options.rounds,
            "seconds": options.seconds,
            "workers": WORKERS,
            "database_connections": CONNECTIONS,
        },
    )
    circumstances["versions"]["peers"] = read_peers_versions()
    return ComparisonResults(**circumstances, runs=runs)


def _raise_limit_of_open_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < OPEN_FILES:
        wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.comparison", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3, help="duration of each run of wrk")
    parser.add_argument("--operations", type=_some_of(OPERATIONS), default=OPERATIONS, metavar=_keys(OPERATIONS))
    parser.add_argument("--servers", type=_some_of(SERVERS), default=SERVERS, metavar=_keys(SERVERS))
    parser.add_argument("--connections", type=_parse_numbers, default=[1, 16, 100, 500], metavar="1,16,100,500")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent, help="directory of results and charts")
    return parser.parse_args()


def _keys(choices: Sequence[Any]) -> str:
    return ",".join(choice.key for choice in choices)


def _some_of(choices: Sequence[Any]) -> Callable[[str], list[Any]]:
    """Return the function that finds choices by their keys, separated by commas."""
    known = {choice.key: choice for choice in choices}

    def choose(keys: str) -> list[Any]:
        unknown = [key for key in keys.split(",") if key not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; choose from {', '.join(known)}")
        return [known[key] for key in keys.split(",")]

    return choose


def _parse_numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


if __name__ == "__main__":
    main()
