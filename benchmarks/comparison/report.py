"""The tables, in Markdown; `python -m benchmarks.comparison.report` writes them and the charts again."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.comparison.charts import draw
from benchmarks.comparison.results import ComparisonResults
from benchmarks.harness.formatting import format_number, format_spread, format_table
from benchmarks.harness.servers import OURS


def publish(results: ComparisonResults, directory: Path) -> None:
    """Print the tables, and draw the charts into the directory."""
    draw(results, directory)
    print(write_report(results))


def write_report(results: ComparisonResults) -> str:
    """Return the whole report: first at the usual number of connections, then everything."""
    usual = results.usual_connections
    servers = results.servers
    others = [server for server in servers if server != OURS.name]

    def by_operation(columns: Sequence[str], cell: Callable[[str, str], str]) -> str:
        rows = ([operation, *(cell(operation, server) for server in columns)] for operation in results.operations)
        return format_table(["", *columns], rows)

    def medians(figure: str) -> str:
        return by_operation(
            servers, lambda operation, server: format_number(results.median(figure, operation, usual, server))
        )

    parts = [
        results.conditions,
        f"Requests per second at {usual} connections (median):",
        medians("requests_per_second"),
        "Requests per second of this service divided by those of the other, in the same round"
        " (median, smallest and largest):",
        by_operation(others, lambda operation, server: format_spread(results.ratios(operation, usual, server))),
        f"99th percentile of the latency in milliseconds, at {usual} connections (median):",
        medians("p99_ms"),
        "CPU time of the server for a thousand requests, in seconds (median):",
        medians("cpu_seconds"),
        "All figures:",
        _write_all(results),
        *_list_errors(results),
    ]
    return "\n\n".join(parts)


def _write_all(results: ComparisonResults) -> str:
    head = ["operation", "connections", "server", "requests/s", "p50 ms", "p99 ms", "errors"]
    head += ["CPU s/1,000", "CPU s/1,000 in PostgreSQL", "this service ÷ it"]
    figures = ("requests_per_second", "p50_ms", "p99_ms")
    rows = []
    for operation in results.operations:
        for connections in results.connections:
            for server in results.servers:
                of = (operation, connections, server)
                errors = sum(sum(run.errors.values()) for run in results.select(*of))
                rows.append(
                    [
                        *(operation, str(connections), server),
                        *(format_number(results.median(figure, *of)) for figure in figures),
                        f"{errors:,}",
                        *(format_number(results.median(name, *of)) for name in ("cpu_seconds", "database_cpu_seconds")),
                        format_spread(results.ratios(*of)) if server != OURS.name else "",
                    ]
                )
    return format_table(head, rows, text_columns=(0, 2))


def _list_errors(results: ComparisonResults) -> list[str]:
    return [
        f"ERRORS: {run.server}, {run.operation}, {run.connections} connections, round {run.round}: {run.errors}"
        for run in results.runs_with_errors()
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.comparison.report", description=__doc__)
    parser.add_argument("results", type=Path, nargs="?", default=Path(__file__).with_name("results.json"))
    path = parser.parse_args().results
    publish(ComparisonResults.load(path), path.parent)
