"""The chart: times, memory and size of the table as it grows."""

import statistics
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from benchmarks.growth.fit import fit_line
from benchmarks.growth.results import GrowthResults
from benchmarks.harness import charts
from benchmarks.harness.formatting import format_number

MIB = 2**20
COLOURS = (charts.BLUE, charts.ORANGE, charts.GREEN, charts.PURPLE, charts.VERMILION, charts.SKY_BLUE)
MARKERS = ("o", "s", "^", "D", "v", "P")
CURVE = [10 ** (power / 20) for power in range(81)]  # 1 to 10,000: on logarithmic axes, the line is a curve


def draw(results: GrowthResults, directory: Path) -> None:
    """Draw the chart into the directory."""
    figure = Figure(figsize=(12, 9), layout="constrained")
    growth, lists, memory, sizes = figure.subplots(2, 2).flat
    _draw_growth(growth, results)
    _draw_lists(lists, results)
    _draw_memory(memory, results)
    _draw_sizes(sizes, results)
    title = f"Tasks API: from {results.steps[0].tasks:,} to {results.largest.tasks:,} tasks"
    charts.set_title(figure, title, results.conditions)
    charts.save(figure, directory / "results.png")


def _draw_growth(axes: Any, results: GrowthResults) -> None:
    sizes = [step.tasks for step in results.steps]
    for operation, colour, marker in zip(results.operations, COLOURS, MARKERS, strict=True):
        medians = [step.median(operation) / 1000 for step in results.steps]
        ratio = statistics.median(results.largest.ratios(operation))
        axes.plot(sizes, medians, color=colour, marker=marker, label=f"{operation} ({ratio:.2f})")
    axes.set_xscale("log")
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.minorticks_off()
    axes.set_ylim(0, 1.45 * axes.get_ylim()[1])  # Room for the legend.
    axes.legend(
        loc="upper left",
        ncols=2,
        frameon=False,
        fontsize=9,
        title=f"(in brackets: time at {sizes[-1]:,} ÷ time in a small table)",
        title_fontsize=9,
        alignment="left",
    )
    charts.label_panel(axes, "Time of a request, in ms", "tasks in the table")


def _draw_lists(axes: Any, results: GrowthResults) -> None:
    times = results.times_of_lengths
    line = fit_line(times)
    drawn = [line.predict(tasks) / 1000 for tasks in CURVE]
    label = f"{line.fixed:,.0f} µs + {line.each:.2f} µs for each task (R² = {line.r_squared:.4f})"
    axes.plot(CURVE, drawn, color=charts.ORANGE, lw=2, label=label)
    axes.plot([*times], [time / 1000 for time in times.values()], "o", color=charts.BLUE, label="measured", zorder=3)
    for tasks, time in times.items():
        text, place = format_number(time / 1000), (tasks, time / 1000)
        axes.annotate(text, place, (5, -13), textcoords="offset points", fontsize=9)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks([*times], [f"{tasks:,}" for tasks in times])
    axes.set_ylim(bottom=min(times.values()) / 1000 / 2)  # Room for the numbers.
    axes.yaxis.set_major_formatter("{x:,g}")
    axes.minorticks_off()
    axes.legend(loc="upper left", frameon=False, fontsize=9)
    charts.label_panel(axes, "Time of a user's whole list, in ms", "tasks of the user")


def _draw_memory(axes: Any, results: GrowthResults) -> None:
    sent = [memory.requests for memory in results.memory]
    for kind, line in (("rss", "-"), ("uss", "--")):
        for worker, colour in zip(range(len(results.memory[0].rss)), COLOURS, strict=False):
            sizes = [getattr(memory, kind)[worker] / MIB for memory in results.memory]
            what = "resident" if kind == "rss" else "not shared"
            axes.plot(
                sent,
                sizes,
                line,
                color=colour,
                marker=MARKERS[worker],
                ms=8 - 4 * worker,
                label=f"worker {worker + 1}, {what}",
            )
    axes.set_ylim(0, 1.35 * axes.get_ylim()[1])
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.legend(loc="upper left", ncols=2, frameon=False, fontsize=9)
    charts.label_panel(axes, "Memory of the workers, in MiB", "requests to both of them, after the warm-up")


def _draw_sizes(axes: Any, results: GrowthResults) -> None:
    sizes = [step.size for step in results.steps]
    labels = [f"{step.tasks:,}" for step in results.steps]
    table, index = ([getattr(size, part) / size.tasks for size in sizes] for part in ("table", "index"))
    below = axes.bar(labels, table, 0.55, color=charts.BLUE, label="table")
    above = axes.bar(labels, index, 0.55, bottom=table, color=charts.ORANGE, label="index")
    axes.bar_label(below, fmt="{:.0f}", label_type="center", color="white", fontsize=10)
    axes.bar_label(above, fmt="{:.0f}", label_type="center", fontsize=10)
    axes.bar_label(
        above, [f"{size.total / MIB:,.0f} MiB" for size in sizes], padding=3, fontsize=9, color=charts.DARK_GREY
    )
    axes.set_ylim(0, 1.25 * axes.get_ylim()[1])
    axes.legend(loc="upper left", ncols=2, frameon=False, fontsize=9)
    charts.label_panel(axes, "Bytes for each task", "tasks in the table")
