"""The charts; `python -m benchmarks.comparison.charts` draws them again from results.json."""

import argparse
import statistics
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from benchmarks.comparison.results import Results

# The palette of Okabe and Ito, which people see apart whatever colours they see; lines have markers as well.
STYLES = {
    "this service": ("#0072B2", "o"),
    "this service, JWT": ("#56B4E9", "s"),
    "FastAPI + SQLModel": ("#E69F00", "^"),
    "Django REST framework": ("#009E73", "D"),
    "Fastify + pg": ("#CC79A7", "v"),
    "the limit": ("#999999", "x"),
    "the limit, gthread": ("#D55E00", "+"),
}
OVER_CONNECTIONS = ("read one", "list 100", "create", "mix")
GREY = "#555555"


def draw(results: Results, directory: Path) -> None:
    """Draw both charts into the directory."""
    _save(_bars(results), directory / "results.png")
    _save(_lines(results), directory / "results_connections.png")


def _bars(results: Results) -> Figure:
    """Show requests per second, and beside them the 99th percentile, with a row for each operation."""
    operations = results.operations
    height = 0.23 * len(results.servers) + 0.4
    figure = Figure(figsize=(11, height * len(operations) + 1.4), layout="constrained")
    axes = figure.subplots(len(operations), 2, squeeze=False)
    for operation, (left, right) in zip(operations, axes, strict=True):
        _row_of_bars(left, results, operation, "requests_per_second")
        _row_of_bars(right, results, operation, "p99_ms")
        left.set_title(operation, loc="left", fontsize=12, fontweight="bold")
        right.set_yticklabels([])
    axes[0][0].set_title("requests per second (longer is better)", loc="right", fontsize=10, color=GREY)
    axes[0][1].set_title("99th percentile in ms (shorter is better)", loc="right", fontsize=10, color=GREY)
    _set_title(figure, f"Tasks API at {results.usual} connections", results)
    return figure


def _row_of_bars(axes: Any, results: Results, operation: str, figure: str) -> None:
    servers = results.servers
    rounds = [results.values(figure, operation, results.usual, server) for server in servers]
    medians = [statistics.median(values) for values in rounds]
    spread = [
        [median - min(values) for median, values in zip(medians, rounds, strict=True)],
        [max(values) - median for median, values in zip(medians, rounds, strict=True)],
    ]
    colours = [STYLES[server][0] for server in servers]
    bars = axes.barh(servers, medians, 0.78, color=colours, xerr=spread, error_kw={"ecolor": "#333333", "lw": 1})
    labels = [f"{value:,.0f}" if value >= 100 else f"{value:.1f}" for value in medians]
    axes.bar_label(bars, labels, padding=4, fontsize=9)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.15 * max(max(values) for values in rounds))
    axes.set_xticks([])
    axes.tick_params(axis="y", length=0, labelsize=9)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.spines["left"].set_color("#bbbbbb")


def _lines(results: Results) -> Figure:
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
        _panel_of_lines(panel, results, operation)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    _set_title(figure, "Tasks API: requests per second over the number of connections", results)
    return figure


def _panel_of_lines(axes: Any, results: Results, operation: str) -> None:
    places = range(len(results.connections))
    for server in results.servers:
        rounds = [
            results.values("requests_per_second", operation, connections, server) for connections in results.connections
        ]
        colour, marker = STYLES[server]
        axes.plot(places, [statistics.median(values) for values in rounds], color=colour, marker=marker, label=server)
        axes.fill_between(places, [*map(min, rounds)], [*map(max, rounds)], color=colour, alpha=0.15, lw=0)
    axes.set_title(operation, fontsize=12, fontweight="bold", loc="left")
    axes.set_xticks(places, [str(connections) for connections in results.connections])
    axes.set_xlabel("connections", fontsize=9, color=GREY)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.grid(axis="y", color="#e5e5e5")
    axes.spines[["top", "right"]].set_visible(False)


def _set_title(figure: Figure, title: str, results: Results) -> None:
    inch = 1 / figure.get_figheight()
    figure.get_layout_engine().set(rect=(0, 0, 1, 1 - 0.85 * inch))
    figure.text(0.01, 1 - 0.1 * inch, title, fontsize=14, fontweight="bold", va="top")
    lines = f"{results.conditions}\nThe median of the rounds, and from the smallest to the largest of them."
    figure.text(0.01, 1 - 0.42 * inch, lines, fontsize=8.5, color=GREY, va="top")


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=130, facecolor="white")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.comparison.charts", description=__doc__)
    parser.add_argument("results", type=Path, nargs="?", default=Path(__file__).with_name("results.json"))
    path = parser.parse_args().results
    draw(Results.load(path), path.parent)
