"""What the tests of the example page share: Chromium, the page's file server, and services that the page may call."""

from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page

from tests.support.browser import chromium, serving_files, sign_in
from tests.support.client import Client, Tasks
from tests.support.issuer import SECRET
from tests.support.project import ROOT
from tests.support.service import running


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="package")
def origin() -> Iterator[str]:
    with serving_files(ROOT / "docs" / "examples" / "web") as origin:
        yield origin


@pytest.fixture(scope="package")
def client(app: Flask, origin: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of a service in the open mode that the page may call."""
    log = tmp_path_factory.mktemp("service") / "log"
    with running(log, DATABASE_URL=app.config["DATABASE_URL"], CORS_ORIGINS=origin) as client:
        yield client


@pytest.fixture(scope="package")
def guarded(app: Flask, origin: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of a service with tokens that the page may call."""
    log = tmp_path_factory.mktemp("guarded") / "log"
    settings = {"DATABASE_URL": app.config["DATABASE_URL"], "CORS_ORIGINS": origin}
    with running(log, AUTH_MODE="secret", JWT_SECRET=SECRET, **settings) as client:
        yield client


@pytest.fixture
def page(browser: Browser, origin: str) -> Iterator[Page]:
    """The page, before anybody has signed in. It must not fail anywhere."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB", timezone_id="Europe/Berlin")
    page = context.new_page()
    errors: list[object] = []
    page.on("pageerror", lambda error: errors.append(error))  # noqa: PLW0108 (Playwright sets an attribute of it)
    page.goto(origin)
    yield page
    context.close()
    assert errors == []


@pytest.fixture
def signed_in(page: Page, alice: Tasks) -> Page:
    """The page, with the tasks of Alice."""
    sign_in(page, alice.client.url, alice.user_id)
    return page
