"""The tables, in Markdown; `python -m benchmarks.growth.report` writes them and the chart again."""

import argparse
import statistics
from pathlib import Path

from benchmarks.growth.charts import draw
from benchmarks.growth.fit import fit_line
from benchmarks.growth.results import GrowthResults
from benchmarks.harness.formatting import format_spread, format_table

FLAT = 1.3  # the largest ratio, at the largest size, of a request whose time does not grow with the table
MIB = 2**20


def publish(results: GrowthResults, directory: Path) -> None:
    """Print the tables, and draw the chart into the directory."""
    draw(results, directory)
    print(write_report(results))


def write_report(results: GrowthResults) -> str:
    """Return everything, in Markdown."""
    return "\n\n".join(
        [
            results.conditions,
            "Time of a request at one connection, in µs, at each size of the table (median); and that time divided by"
            " the time in a table of 10,000 tasks, measured in turns (median, smallest and largest of the rounds):",
            _write_growth(results),
            "Time of a user's whole list, by its length:",
            _write_lists(results),
            "Bytes for each task:",
            _write_sizes(results),
            f"Memory of the workers during {results.memory[-1].requests:,} requests:",
            _write_memory(results),
            "Start, in seconds (median, shortest and longest):",
            _write_starts(results),
            f"Plans at {results.largest.tasks:,} tasks:",
            _write_plans(results),
            *_list_plans_in_full(results),
        ]
    )


def _write_growth(results: GrowthResults) -> str:
    head = ["", *(f"{step.tasks:,}" for step in results.steps)]
    head += [f"ratio at {step.tasks:,}" for step in (results.steps[0], results.largest)] + [f"at most {FLAT}"]
    rows = []
    for operation in results.operations:
        first, last = (step.ratios(operation) for step in (results.steps[0], results.largest))
        medians = (f"{step.median(operation):,.0f}" for step in results.steps)
        flat = "yes" if statistics.median(last) <= FLAT else "NO"
        rows.append([operation, *medians, format_spread(first), format_spread(last), flat])
    return format_table(head, rows)


def _write_lists(results: GrowthResults) -> str:
    times = results.times_of_lengths
    line = fit_line(times)
    rows = [
        [f"{tasks:,}", f"{time:,.0f}", f"{line.predict(tasks):,.0f}", f"{time / tasks:,.2f}"]
        for tasks, time in times.items()
    ]
    equation = (
        f"{line.fixed:,.0f} µs, and {line.each:.2f} µs for each task: R² = {line.r_squared:.5f},"
        f" no median more than {line.worst:.0%} off"
    )
    return f"{format_table(['tasks', 'µs', 'line, µs', 'µs ÷ tasks'], rows)}\n\n{equation}"


def _write_sizes(results: GrowthResults) -> str:
    rows = []
    for step in results.steps:
        size = step.size
        of_each = (f"{part / size.tasks:.0f}" for part in (size.table, size.index, size.total))
        rows.append([f"{size.tasks:,}", *of_each, f"{size.total / MIB:,.0f}", f"{step.loading:,.1f}"])
    return format_table(["tasks", "table", "index", "in total", "MiB in total", "loaded in s"], rows)


def _write_memory(results: GrowthResults) -> str:
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
    return format_table(head, rows) + errors


def _write_starts(results: GrowthResults) -> str:
    rows = [
        ["import of the application", format_spread(results.imports)],
        ["gunicorn, until /health answers", format_spread([start.health for start in results.starts])],
        ["gunicorn, until the first task is read", format_spread([start.task for start in results.starts])],
    ]
    return format_table(["", "s"], rows)


def _write_plans(results: GrowthResults) -> str:
    rows = [
        [
            f"{plan.statement}, {plan.kind}",
            " ← ".join(plan.nodes),
            plan.find_first("Buffers"),
            plan.find_first("Execution Time"),
            "; ".join(plan.faults) or "as it should be",
        ]
        for plan in results.largest.plans
    ]
    return format_table(["statement, plan", "nodes", "buffers", "time", "verdict"], rows)


def _list_plans_in_full(results: GrowthResults) -> list[str]:
    return [
        "\n".join([f"{plan.statement}, {plan.kind}:", "", "```", *plan.lines, "```"]) for plan in results.largest.plans
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth.report", description=__doc__)
    parser.add_argument("results", type=Path, nargs="?", default=Path(__file__).with_name("results.json"))
    path = parser.parse_args().results
    publish(GrowthResults.load(path), path.parent)
