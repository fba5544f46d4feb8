"""What Chromium keeps of the answers: it asks again with the tag, and is told that nothing has changed."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page

from tests.support.browser import CHROMIUM, chromium, serving_files
from tests.support.service import Service
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="not installed: Chromium")]

# As a front end does that knows nothing of tags.
LOAD = "async url => (await (await fetch(url)).json()).map(task => task.title)"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def origin(tmp_path: Path) -> Iterator[str]:
    """Where an empty page is served."""
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "index.html").write_text("<!doctype html><title>Tasks</title>")
    with serving_files(tmp_path / "page") as origin:
        yield origin


@pytest.fixture
def service(app: Flask, origin: str, tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path / "log", DATABASE_URL=app.config["DATABASE_URL"], CORS_ORIGINS=origin)
    yield service
    service.stop()


@pytest.fixture
def page(browser: Browser, origin: str) -> Iterator[Page]:
    context = browser.new_context()
    page = context.new_page()
    page.goto(origin)
    yield page
    context.close()


def expect_loads(service: Service, *statuses: int) -> None:
    """Wait until so many lists were answered, with these statuses: a line is written after its answer."""

    def loads() -> list[int]:
        lines = [json.loads(line) for line in service.log.splitlines() if line.startswith("{")]
        return [
            line["status"] for line in lines if line.get("route") == "/api/{user_id}/tasks" and line["method"] == "GET"
        ]

    wait_for(lambda: len(loads()) >= len(statuses))
    assert loads() == list(statuses)


@pytest.mark.parametrize("query", ["", "?limit=1&sort_by=title&order=desc", "?view=full&status=pending"])
def test_the_second_load_of_a_list_is_304_until_something_changes(service: Service, page: Page, query: str) -> None:
    tasks = service.client.of(f"of-the-browser{len(query)}")
    tasks.create("a")
    url = f"{service.client.url}{tasks.path}{query}"
    for statuses in ([200], [200, 304], [200, 304, 304]):
        assert page.evaluate(LOAD, url) == ["a"]
        expect_loads(service, *statuses)
    tasks.create("b")
    assert "b" in page.evaluate(LOAD, url)
    expect_loads(service, 200, 304, 304, 200)


def test_a_page_that_is_loaded_again_shows_its_tasks_by_304(service: Service, page: Page) -> None:
    tasks = service.client.of("of-the-reloaded-page")
    tasks.create("a")
    for statuses in ([200], [200, 304]):
        page.goto(f"{service.client.url}{tasks.path}")
        assert json.loads(page.inner_text("body"))[0]["title"] == "a"
        expect_loads(service, *statuses)
        page.goto("about:blank")
