"""The tables, in Markdown."""

import statistics
from collections.abc import Callable, Iterable, Sequence

from benchmarks.comparison.results import Results
from benchmarks.harness.servers import OURS


def report(results: Results) -> str:
    """Return the whole report: what is asked for most, then everything."""
    usual = results.usual
    servers = results.servers
    others = [server for server in servers if server != OURS.name]

    def by_operation(columns: Sequence[str], cell: Callable[[str, str], str]) -> str:
        rows = ([operation, *(cell(operation, server) for server in columns)] for operation in results.operations)
        return _table(["", *columns], rows)

    def medians(figure: str) -> str:
        return by_operation(servers, lambda *of: _number(results.median(figure, of[0], usual, of[1])))

    parts = [
        results.conditions,
        f"Requests per second at {usual} connections (median):",
        medians("requests_per_second"),
        "How many times as many requests this service answers as the other, in the same round"
        " (median, and from the smallest to the largest):",
        by_operation(others, lambda operation, server: spread(results.ratios(operation, usual, server))),
        f"99 of 100 requests were answered within so many milliseconds, at {usual} connections (median):",
        medians("p99_ms"),
        "Seconds of processor time that the server takes for a thousand requests (median):",
        medians("cpu_seconds"),
        "Everything:",
        _everything(results),
        *_errors(results),
    ]
    return "\n\n".join(parts)


def _everything(results: Results) -> str:
    head = ["operation", "connections", "server", "requests/s", "p50 ms", "p99 ms", "errors"]
    head += ["CPU s/1,000", "CPU s/1,000 in PostgreSQL", "this service ÷ it"]
    figures = ("requests_per_second", "p50_ms", "p99_ms")
    rows = []
    for operation in results.operations:
        for connections in results.connections:
            for server in results.servers:
                of = (operation, connections, server)
                errors = sum(sum(run.errors.values()) for run in results.of(*of))
                rows.append(
                    [
                        *(operation, str(connections), server),
                        *(_number(results.median(figure, *of)) for figure in figures),
                        f"{errors:,}",
                        *(_number(results.median(figure, *of)) for figure in ("cpu_seconds", "database_cpu_seconds")),
                        spread(results.ratios(*of)) if server != OURS.name else "",
                    ]
                )
    return _table(head, rows)


def _errors(results: Results) -> list[str]:
    return [
        f"ERRORS: {run.server}, {run.operation}, {run.connections} connections, round {run.round}: {run.errors}"
        for run in results.errors()
    ]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table whose columns, but for words, are aligned to the right."""
    lines = [head, ["---" if name in ("", "operation", "server") else "---:" for name in head], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _number(value: float) -> str:
    """Write a number with three digits that count."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def spread(ratios: Sequence[float]) -> str:
    """Return the median, and from the smallest to the largest."""
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
