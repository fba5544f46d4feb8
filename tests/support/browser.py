"""Chromium, as a person uses it who has opened the example page."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.support.waiting import DEADLINE

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
# It shall reach nothing but what a test starts. Root may run it only without its sandbox.
ARGUMENTS = [
    *("--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--no-first-run",
]


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving_files(directory: Path) -> Iterator[str]:
    """Serve the files of a directory, as `python -m http.server` does, and give the origin."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(directory)))
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run Chromium for as long as the block takes."""
    expect.set_options(timeout=DEADLINE * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


def sign_in(page: Page, service: str, user_id: str, token: str = "") -> None:
    """Fill in the first form of the example page, and wait until the tasks are there."""
    page.get_by_label("Service").fill(service)
    page.get_by_label("User id").fill(user_id)
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("Up to date", exact=True)).to_be_visible()


def synchronize(page: Page) -> None:
    """Have the page synchronize, as it does when the connection is back, and wait until nothing waits."""
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(page.get_by_text("Up to date", exact=True)).to_be_visible()
    expect(page.get_by_text("not sent yet")).to_have_count(0)


def save(page: Page, **fields: str) -> None:
    """Fill in the editor that is open, and save."""
    for label, value in fields.items():
        field = page.get_by_label(label.replace("_", " ")).and_(page.locator("dialog *"))
        field.select_option(value) if label == "Priority" else field.fill(value)
    page.get_by_role("button", name="Save").click()


def add(page: Page, **fields: str) -> None:
    """Add a task."""
    page.get_by_role("button", name="New task").click()
    save(page, **fields)


def change(page: Page, title: str, **fields: str) -> None:
    """Change the task of that title."""
    page.get_by_role("button", name=f"Edit {title}", exact=True).click()
    save(page, **fields)


def assert_shown(page: Page, *titles: str) -> None:
    """Wait until the page shows the tasks of these titles, in this order."""
    expect(page.locator("li [data-text=title]")).to_have_text(list(titles))
