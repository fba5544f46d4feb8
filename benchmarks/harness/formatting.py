"""Numbers and Markdown tables."""

import statistics
from collections.abc import Collection, Iterable, Sequence


def format_table(head: Sequence[str], rows: Iterable[Sequence[str]], text_columns: Collection[int] = (0,)) -> str:
    """Return a table in Markdown, with its columns aligned to the right, except those with text."""
    alignment = ["---" if index in text_columns else "---:" for index in range(len(head))]
    return "\n".join(f"| {' | '.join(line)} |" for line in [head, alignment, *rows])


def format_number(value: float) -> str:
    """Return the number with three significant digits, or all of its integer digits where they are more."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def format_spread(values: Sequence[float]) -> str:
    """Return the median, the smallest and the largest of the values."""
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"
