"""What a failed test of the contract tells: the sentences of the documentation that the service breaks."""

from collections import Counter
from collections.abc import Generator

import pytest

from tests.support.promises import find_sentence

BREAKS = "breaks"
LAST = 20  # lines of the log of requests: a test that looks for a sequence that fails sends thousands


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Print below the traceback of a failed test the sentence that it was about."""
    report = yield
    if report.failed:
        report.sections = [(title, "\n".join(text.splitlines()[-LAST:])) for title, text in report.sections]
        for marker in item.iter_markers("promise"):
            where, words = marker.args
            report.sections.append((BREAKS, f"{where}: {find_sentence(where, words)}"))
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Generator[None]:
    """Print at the end all the sentences that failed tests were about, and how many tests that were."""
    yield
    failed = [report for how in ("failed", "error") for report in terminalreporter.stats.get(how, [])]
    broken = Counter(text for report in failed for title, text in report.sections if title == BREAKS)
    if broken:
        terminalreporter.section("what the failures break")
    for text, count in sorted(broken.items()):
        terminalreporter.line(f"{text} ({count} failed)")
