"""The style of the charts."""

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

# The palette of Okabe and Ito, whose colours differ for colour-blind readers too; lines have different markers as well.
BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#E69F00", "#009E73", "#CC79A7"
VERMILION, SKY_BLUE = "#D55E00", "#56B4E9"
LIGHT_GREY, DARK_GREY = "#999999", "#555555"


def set_title(figure: Figure, title: str, *lines: str) -> None:
    """Write the title above the panels, and smaller lines below it."""
    inch = 1 / figure.get_figheight()
    figure.get_layout_engine().set(rect=(0, 0, 1, 1 - (0.55 + 0.15 * len(lines)) * inch))
    figure.text(0.01, 1 - 0.1 * inch, title, fontsize=14, fontweight="bold", va="top")
    figure.text(0.01, 1 - 0.42 * inch, "\n".join(lines), fontsize=8.5, color=DARK_GREY, va="top")


def label_panel(axes: Any, title: str, x_label: str) -> None:
    """Give a panel its title, the label of its x-axis, and horizontal lines."""
    axes.set_title(title, fontsize=12, fontweight="bold", loc="left")
    axes.set_xlabel(x_label, color=DARK_GREY)
    axes.grid(axis="y", color="#e5e5e5")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def save(figure: Figure, path: Path) -> None:
    """Write the chart as PNG."""
    figure.savefig(path, dpi=130, facecolor="white")
