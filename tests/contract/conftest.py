"""What a test of the contract holds the service to: the part of the contract, and the words of the documentation."""

from collections import Counter
from collections.abc import Generator

import pytest

MARKERS = (
    "part1: what every client gets",
    "part2: what a client gets if it asks",
    "promise(where, words): the words of the documentation that a failure breaks, and the chapter where they stand",
)
BREAKS = "breaks"


def pytest_configure(config: pytest.Config) -> None:
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Print the words that a failed test was about below its traceback."""
    report = yield
    if report.failed:
        promises = (marker.args for marker in item.iter_markers("promise"))
        report.sections += [(BREAKS, f"{where}: {words}") for where, words in promises]
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print all the words that failed tests were about, and how many tests that were."""
    failed = [report for how in ("failed", "error") for report in terminalreporter.stats.get(how, [])]
    broken = Counter(text for report in failed for title, text in report.sections if title == BREAKS)
    if broken:
        terminalreporter.section("what the failures break")
    for text, count in sorted(broken.items()):
        terminalreporter.line(f"{text} ({count} failed)")
