"""The charts: requests per second and latency of all servers."""

import statistics
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from benchmarks.comparison.results import ComparisonResults
from benchmarks.harness import charts
from benchmarks.harness.formatting import format_number

STYLES = {
    "this service": (charts.BLUE, "o"),
    "this service, JWT": (charts.SKY_BLUE, "s"),
    "FastAPI + SQLModel": (charts.ORANGE, "^"),
    "Django REST framework": (charts.GREEN, "D"),
    "Fastify + pg": (charts.PURPLE, "v"),
    "the limit": (charts.LIGHT_GREY, "x"),
    "the limit, gthread": (charts.VERMILION, "+"),
}
OVER_CONNECTIONS = ("read one", "list 100", "create", "mix")
SPREAD = "The median of the rounds, and from the smallest to the largest of them."


def draw(results: ComparisonResults, directory: Path) -> None:
    """Draw both charts into the directory."""
    charts.save(_draw_bars(results), directory / "results.png")
    charts.save(_draw_lines(results), directory / "results_connections.png")


def _draw_bars(results: ComparisonResults) -> Figure:
    """Show requests per second, and beside them the 99th percentile, with a row for each operation."""
    operations = results.operations
    height = 0.23 * len(results.servers) + 0.4
    figure = Figure(figsize=(11, height * len(operations) + 1.4), layout="constrained")
    axes = figure.subplots(len(operations), 2, squeeze=False)
    for operation, (left, right) in zip(operations, axes, strict=True):
        _draw_row_of_bars(left, results, operation, "requests_per_second")
        _draw_row_of_bars(right, results, operation, "p99_ms")
        left.set_title(operation, loc="left", fontsize=12, fontweight="bold")
        right.set_yticklabels([])
    axes[0][0].set_title("requests per second (longer is better)", loc="right", fontsize=10, color=charts.DARK_GREY)
    axes[0][1].set_title("99th percentile in ms (shorter is better)", loc="right", fontsize=10, color=charts.DARK_GREY)
    charts.set_title(figure, f"Tasks API at {results.usual_connections} connections", results.conditions, SPREAD)
    return figure


def _draw_row_of_bars(axes: Any, results: ComparisonResults, operation: str, figure: str) -> None:
    servers = results.servers
    rounds = [results.values(figure, operation, results.usual_connections, server) for server in servers]
    medians = [statistics.median(values) for values in rounds]
    spread = [
        [median - min(values) for median, values in zip(medians, rounds, strict=True)],
        [max(values) - median for median, values in zip(medians, rounds, strict=True)],
    ]
    colours = [STYLES[server][0] for server in servers]
    bars = axes.barh(servers, medians, 0.78, color=colours, xerr=spread, error_kw={"ecolor": "#333333", "lw": 1})
    axes.bar_label(bars, [format_number(value) for value in medians], padding=4, fontsize=9)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.15 * max(max(values) for values in rounds))
    axes.set_xticks([])
    axes.tick_params(axis="y", length=0, labelsize=9)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.spines["left"].set_color("#bbbbbb")


def _draw_lines(results: ComparisonResults) -> Figure:
    """Show requests per second over the number of connections, with a panel for each of some operations."""
    operations = [name for name in OVER_CONNECTIONS if name in results.operations] or results.operations
    columns = min(2, len(operations))
    rows = -(-len(operations) // columns)
    figure = Figure(figsize=(5.5 * columns, 3.4 * rows + 1.6), layout="constrained")
    panels = [*figure.subplots(rows, columns, squeeze=False).flat]
    for panel in panels:
        panel.set_visible(False)
    for operation, panel in zip(operations, panels, strict=False):
        panel.set_visible(True)
        _draw_panel_of_lines(panel, results, operation)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    charts.set_title(
        figure, "Tasks API: requests per second over the number of connections", results.conditions, SPREAD
    )
    return figure


def _draw_panel_of_lines(axes: Any, results: ComparisonResults, operation: str) -> None:
    places = range(len(results.connections))
    for server in results.servers:
        rounds = [
            results.values("requests_per_second", operation, connections, server) for connections in results.connections
        ]
        colour, marker = STYLES[server]
        axes.plot(places, [statistics.median(values) for values in rounds], color=colour, marker=marker, label=server)
        axes.fill_between(places, [*map(min, rounds)], [*map(max, rounds)], color=colour, alpha=0.15, lw=0)
    charts.label_panel(axes, operation, "connections")
    axes.set_xticks(places, [str(connections) for connections in results.connections])
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter("{x:,.0f}")
