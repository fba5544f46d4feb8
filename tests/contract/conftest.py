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
LAST = 20  # lines of the log of requests: a test that looks for a sequence that fails sends thousands


def pytest_configure(config: pytest.Config) -> None:
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Print below the traceback of a failed test the words that it was about."""
    report = yield
    if report.failed:
        report.sections = [(title, "\n".join(text.splitlines()[-LAST:])) for title, text in report.sections]
        promises = (marker.args for marker in item.iter_markers("promise"))
        report.sections += [(BREAKS, f"{where}: {words}") for where, words in promises]
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Generator[None]:
    """Print at the end all the words that failed tests were about, and how many tests that were."""
    yield
    failed = [report for how in ("failed", "error") for report in terminalreporter.stats.get(how, [])]
    broken = Counter(text for report in failed for title, text in report.sections if title == BREAKS)
    if broken:
        terminalreporter.section("what the failures break")
    for text, count in sorted(broken.items()):
        terminalreporter.line(f"{text} ({count} failed)")
