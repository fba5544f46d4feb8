"""What was measured of the growth, as tables and a chart; `python -m benchmarks.growth.report` makes them again."""

import argparse
import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from benchmarks.comparison.report import spread
from benchmarks.comparison.results import Measured, here_and_now, versions
from benchmarks.growth.table import Plan, Room

FLAT = 1.3  # times as long, at most, at the largest size
MIB = 2**20

# The palette of Okabe and Ito, which people see apart whatever colours they see; lines have markers as well.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v", "P")
GREY = "#555555"
FINELY = [10 ** (power / 20) for power in range(81)]  # 1 to 10,000, for a line that is bent by its axes


@dataclass(frozen=True)
class Timing:
    """The median time of a request in one round, in µs: to the table that grows, and to the small one beside it."""

    operation: str
    round: int
    grown: float
    small: float


@dataclass(frozen=True)
class Step:
    """One size of the table."""

    tasks: int
    loading: float  # seconds, from the step before
    room: Room
    plans: list[Plan]
    timings: list[Timing]

    def of(self, operation: str) -> list[Timing]:
        """Return the timings of all rounds."""
        return [timing for timing in self.timings if timing.operation == operation]

    def median(self, operation: str) -> float:
        """Return the time of a request, in µs."""
        return statistics.median(timing.grown for timing in self.of(operation))

    def ratios(self, operation: str) -> list[float]:
        """Return, for each round, how many times as long it takes as in the small table."""
        return [timing.grown / timing.small for timing in self.of(operation)]


@dataclass(frozen=True)
class Length:
    """The median time to list so many tasks in one round, in µs."""

    tasks: int
    round: int
    time: float


@dataclass(frozen=True)
class Memory:
    """What each worker holds after so many requests, in bytes: resident, and resident and its alone."""

    requests: int
    errors: int
    rss: list[int]
    uss: list[int]


@dataclass(frozen=True)
class Start:
    """How long a start takes until the first answer of `/health`, and until the first task is read, in seconds."""

    health: float
    task: float


@dataclass(frozen=True)
class Fit:
    """A straight line through the times of lists, in µs."""

    fixed: float
    each: float  # for each task
    r_squared: float
    worst: float  # the largest part by which a time is off the line


@dataclass(frozen=True)
class Results(Measured):
    """All that was measured."""

    steps: list[Step]
    lengths: list[Length]
    memory: list[Memory]
    starts: list[Start]
    imports: list[float]  # seconds

    @classmethod
    def load(cls, path: Path) -> "Results":
        """Read what `save` has written."""
        content = json.loads(path.read_text())
        steps = [
            Step(
                **step
                | {
                    "room": Room(**step["room"]),
                    "plans": [Plan(**plan) for plan in step["plans"]],
                    "timings": [Timing(**timing) for timing in step["timings"]],
                }
            )
            for step in content.pop("steps")
        ]
        return cls(
            steps=steps,
            lengths=[Length(**length) for length in content.pop("lengths")],
            memory=[Memory(**memory) for memory in content.pop("memory")],
            starts=[Start(**start) for start in content.pop("starts")],
            **content,
        )

    @property
    def operations(self) -> list[str]:
        """The operations, in their order."""
        return list(dict.fromkeys(timing.operation for timing in self.steps[0].timings))

    @property
    def largest(self) -> Step:
        """The last step."""
        return self.steps[-1]

    @property
    def faults(self) -> list[str]:
        """What is wrong with the plans at the largest size."""
        return [
            f"{plan.statement}, {plan.kind}: {'; '.join(plan.faults)}" for plan in self.largest.plans if plan.faults
        ]

    @property
    def times_of_lengths(self) -> dict[int, float]:
        """The time to list so many tasks, in µs."""
        lengths = dict.fromkeys(length.tasks for length in self.lengths)
        return {
            tasks: statistics.median(length.time for length in self.lengths if length.tasks == tasks)
            for tasks in lengths
        }

    @property
    def conditions(self) -> str:
        """A line on the machine."""
        return (
            f"{self.machine['cores']} cores, {self.machine['cpu']}, {self.machine['memory_gib']} GiB;"
            f" PostgreSQL {self.versions['PostgreSQL']} with a quarter of that as its cache,"
            f" Python {self.versions['Python']}; 2 workers, row security on; {self.date[:10]}"
        )


def results_of(options: dict[str, Any], database_version: str, **measured: Any) -> Results:
    """Return the results of what was measured on this machine, now."""
    return Results(**here_and_now(), versions=versions(database_version), options=options, **measured)


def fit(times: dict[int, float]) -> Fit:
    """Return the line that makes relative errors small: otherwise the longest list would be all that counts."""
    weights = [1 / time**2 for time in times.values()]
    total = sum(weights)
    mean_x = sum(weight * x for weight, x in zip(weights, times, strict=True)) / total
    mean_y = sum(weight * y for weight, y in zip(weights, times.values(), strict=True)) / total
    points = list(zip(weights, times.items(), strict=True))
    each = sum(weight * (x - mean_x) * (y - mean_y) for weight, (x, y) in points) / sum(
        weight * (x - mean_x) ** 2 for weight, (x, _) in points
    )
    fixed = mean_y - each * mean_x
    mean = statistics.fmean(times.values())
    off = {x: y - fixed - each * x for x, y in times.items()}
    return Fit(
        fixed=fixed,
        each=each,
        r_squared=1 - sum(value**2 for value in off.values()) / sum((y - mean) ** 2 for y in times.values()),
        worst=max(abs(off[x]) / y for x, y in times.items()),
    )


def report(results: Results) -> str:
    """Return everything, in Markdown."""
    return "\n\n".join(
        [
            results.conditions,
            "Time of a request at one connection, in µs, as the table grows (median); and how many times as long as in"
            " a table that stays at 10,000 tasks, asked in turns with it (median of the rounds, and from the smallest"
            " to the largest):",
            _growth(results),
            "The whole list of a user with so many tasks:",
            _lists(results),
            "Bytes for each task:",
            _room(results),
            f"Memory of the workers, while {results.memory[-1].requests:,} requests are answered:",
            _memory(results),
            "Start, in seconds (median, and from the shortest to the longest):",
            _starts(results),
            f"Plans at {results.largest.tasks:,} tasks:",
            _plans(results),
            *_plans_in_full(results),
        ]
    )


def _growth(results: Results) -> str:
    head = ["", *(f"{step.tasks:,}" for step in results.steps)]
    head += [f"ratio at {step.tasks:,}" for step in (results.steps[0], results.largest)] + [f"at most {FLAT}"]
    rows = []
    for operation in results.operations:
        first, last = (step.ratios(operation) for step in (results.steps[0], results.largest))
        medians = (f"{step.median(operation):,.0f}" for step in results.steps)
        flat = "yes" if statistics.median(last) <= FLAT else "NO"
        rows.append([operation, *medians, spread(first), spread(last), flat])
    return _table(head, rows)


def _lists(results: Results) -> str:
    times = results.times_of_lengths
    line = fit(times)
    rows = [
        [f"{tasks:,}", f"{time:,.0f}", f"{line.fixed + line.each * tasks:,.0f}", f"{time / tasks:,.2f}"]
        for tasks, time in times.items()
    ]
    told = (
        f"{line.fixed:,.0f} µs, and {line.each:.2f} µs for each task: R² = {line.r_squared:.5f},"
        f" no median more than {line.worst:.0%} off"
    )
    return f"{_table(['tasks', 'µs', 'line, µs', 'µs ÷ tasks'], rows)}\n\n{told}"


def _room(results: Results) -> str:
    rows = []
    for step in results.steps:
        room = step.room
        of_each = (f"{size / room.tasks:.0f}" for size in (room.table, room.index, room.total))
        rows.append([f"{room.tasks:,}", *of_each, f"{room.total / MIB:,.0f}", f"{step.loading:,.1f}"])
    return _table(["tasks", "table", "index", "in total", "MiB in total", "loaded in s"], rows)


def _memory(results: Results) -> str:
    first, middle, last = (results.memory[index] for index in (0, len(results.memory) // 2, -1))
    rows = []
    for kind in ("rss", "uss"):
        for worker in range(len(first.rss)):
            at_first, halfway, at_last = (getattr(memory, kind)[worker] / MIB for memory in (first, middle, last))
            sizes = (f"{size:.1f}" for size in (at_first, halfway, at_last))
            growth = (f"{after - before:+.2f}" for before, after in ((at_first, at_last), (halfway, at_last)))
            rows.append([f"{kind.upper()} of worker {worker + 1}", *sizes, *growth])
    head = ["MiB", "after the warm-up", "halfway", "at the end", "growth", "of it in the second half"]
    errors = f"\n\nERRORS: {last.errors}" if last.errors else ""
    return _table(head, rows) + errors


def _starts(results: Results) -> str:
    rows = [
        ["import of the application", spread(results.imports)],
        ["gunicorn, until /health answers", spread([start.health for start in results.starts])],
        ["gunicorn, until the first task is read", spread([start.task for start in results.starts])],
    ]
    return _table(["", "s"], rows)


def _plans(results: Results) -> str:
    rows = [
        [
            f"{plan.statement}, {plan.kind}",
            " ← ".join(plan.nodes),
            plan.first("Buffers"),
            plan.first("Execution Time"),
            "; ".join(plan.faults) or "as wanted",
        ]
        for plan in results.largest.plans
    ]
    return _table(["statement, plan", "nodes", "buffers", "time", "verdict"], rows)


def _plans_in_full(results: Results) -> list[str]:
    return [
        "\n".join([f"{plan.statement}, {plan.kind}:", "", "```", *plan.lines, "```"]) for plan in results.largest.plans
    ]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table whose columns but the first are aligned to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.2g}" if value < 1 else f"{value:.1f}"


def draw(results: Results, directory: Path) -> None:
    """Draw the chart into the directory."""
    figure = Figure(figsize=(12, 9), layout="constrained")
    growth, lists, memory, room = figure.subplots(2, 2).flat
    _draw_growth(growth, results)
    _draw_lists(lists, results)
    _draw_memory(memory, results)
    _draw_room(room, results)
    figure.suptitle(
        f"Tasks API: from {results.steps[0].tasks:,} to {results.largest.tasks:,} tasks\n\n",
        x=0.01,
        ha="left",
        fontsize=14,
        fontweight="bold",
        linespacing=0.9,
    )
    figure.text(0.01, 1 - 0.42 / figure.get_figheight(), results.conditions, fontsize=8.5, color=GREY, va="top")
    figure.savefig(directory / "results.png", dpi=130, facecolor="white")


def _draw_growth(axes: Any, results: Results) -> None:
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
        title=f"(how many times as long, at {sizes[-1]:,}, as in a small table)",
        title_fontsize=9,
        alignment="left",
    )
    _name(axes, "Time of a request, in ms", "tasks in the table")


def _draw_lists(axes: Any, results: Results) -> None:
    times = results.times_of_lengths
    line = fit(times)
    drawn = [(line.fixed + line.each * tasks) / 1000 for tasks in FINELY]
    label = f"{line.fixed:,.0f} µs + {line.each:.2f} µs for each task (R² = {line.r_squared:.4f})"
    axes.plot(FINELY, drawn, color=COLOURS[1], lw=2, label=label)
    axes.plot([*times], [time / 1000 for time in times.values()], "o", color=COLOURS[0], label="measured", zorder=3)
    for tasks, time in times.items():
        axes.annotate(_number(time / 1000), (tasks, time / 1000), (5, -13), textcoords="offset points", fontsize=9)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks([*times], [f"{tasks:,}" for tasks in times])
    axes.set_ylim(bottom=min(times.values()) / 1000 / 2)  # Room for the numbers.
    axes.yaxis.set_major_formatter("{x:,g}")
    axes.minorticks_off()
    axes.legend(loc="upper left", frameon=False, fontsize=9)
    _name(axes, "Time of a user's whole list, in ms", "tasks of the user")


def _draw_memory(axes: Any, results: Results) -> None:
    sent = [memory.requests for memory in results.memory]
    for kind, line in (("rss", "-"), ("uss", "--")):
        for worker, colour in zip(range(len(results.memory[0].rss)), COLOURS, strict=False):
            sizes = [getattr(memory, kind)[worker] / MIB for memory in results.memory]
            what = "resident" if kind == "rss" else "its alone"
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
    _name(axes, "Memory of the workers, in MiB", "requests to both of them, after the warm-up")


def _draw_room(axes: Any, results: Results) -> None:
    rooms = [step.room for step in results.steps]
    sizes = [f"{step.tasks:,}" for step in results.steps]
    table, index = ([getattr(room, part) / room.tasks for room in rooms] for part in ("table", "index"))
    below = axes.bar(sizes, table, 0.55, color=COLOURS[0], label="table")
    above = axes.bar(sizes, index, 0.55, bottom=table, color=COLOURS[1], label="index")
    axes.bar_label(below, fmt="{:.0f}", label_type="center", color="white", fontsize=10)
    axes.bar_label(above, fmt="{:.0f}", label_type="center", fontsize=10)
    axes.bar_label(above, [f"{room.total / MIB:,.0f} MiB" for room in rooms], padding=3, fontsize=9, color=GREY)
    axes.set_ylim(0, 1.25 * axes.get_ylim()[1])
    axes.legend(loc="upper left", ncols=2, frameon=False, fontsize=9)
    _name(axes, "Bytes for each task", "tasks in the table")


def _name(axes: Any, title: str, across: str) -> None:
    axes.set_title(title, fontsize=12, fontweight="bold", loc="left")
    axes.set_xlabel(across, color=GREY)
    axes.grid(axis="y", color="#e5e5e5")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth.report", description=__doc__)
    parser.add_argument("results", type=Path, nargs="?", default=Path(__file__).with_name("results.json"))
    path = parser.parse_args().results
    loaded = Results.load(path)
    draw(loaded, path.parent)
    print(report(loaded))
