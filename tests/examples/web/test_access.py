"""The example of a web page, in Chromium: everybody can use it, and nothing is injected or given away."""

import time
from urllib.parse import quote
from uuid import uuid4

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.support.browser import CHROMIUM, add, assert_shown, change, sign_in, synchronize
from tests.support.client import Client, Tasks
from tests.support.issuer import claims, token
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="not installed: chromium")]

HTML = "<img src=x onerror=\"document.title='injected'\"><script>document.title='injected'</script>"
SMALLER_THAN_A_FINGER = """
    [...document.querySelectorAll("button, select, textarea, input:not([type=checkbox]), label:has([type=checkbox])")]
        .filter((target) => target.checkVisibility() && Math.min(target.offsetHeight, target.offsetWidth) < 44)
        .map((target) => target.outerHTML)
"""


def test_texts_are_shown_as_text(signed_in: Page, alice: Tasks) -> None:
    alice.create(HTML, description=HTML)
    synchronize(signed_in)
    assert_shown(signed_in, HTML)
    assert signed_in.locator("[data-text=description]").inner_text() == HTML
    signed_in.get_by_role("button", name="Edit").click()
    assert signed_in.get_by_role("textbox", name="Title").input_value() == HTML
    assert signed_in.locator("img, li script").count() == 0
    assert signed_in.title() == "Tasks"


def test_everything_can_be_done_with_the_keyboard(page: Page, alice: Tasks) -> None:
    press, write = page.keyboard.press, page.keyboard.type
    for text in (alice.client.url, alice.user_id):
        press("Tab")
        press("Control+A")
        write(text)
    press("Enter")
    expect(page.get_by_role("button", name="New task")).to_be_focused()
    press("Enter")
    write("Buy milk")
    press("Enter")
    expect(page.get_by_role("button", name="New task")).to_be_focused()
    for _ in range(4):  # search, status, priority, and the first task
        press("Tab")
    expect(page.get_by_role("checkbox", name="Buy milk")).to_be_focused()
    press("Space")
    synchronize(page)
    expect(page.get_by_role("checkbox", name="Buy milk")).to_be_focused()
    press("Tab")
    press("Enter")
    write(" and eggs")
    press("Escape")
    expect(page.get_by_role("button", name="Edit Buy milk")).to_be_focused()
    press("Enter")
    press("End")
    write(" and eggs")
    press("Enter")
    synchronize(page)
    expect(page.get_by_role("button", name="Edit Buy milk and eggs")).to_be_focused()
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    (task,) = alice.all()
    assert (task["title"], task["completed"]) == ("Buy milk and eggs", True)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_accessible_and_fits_a_phone(signed_in: Page, alice: Tasks, scheme: str) -> None:
    signed_in.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    signed_in.set_viewport_size({"width": 375, "height": 812})
    add(signed_in, Title="A" * 500, Due_date="2020-02-01", Time="09:30", Priority="high")
    add(signed_in, Title="Buy milk", Description="b" * 100)
    synchronize(signed_in)
    task_id = next(task["id"] for task in alice.all() if task["title"] == "Buy milk")
    alice.put(task_id, {"title": "Theirs"})
    change(signed_in, "Buy milk", Title="Mine")
    expect(signed_in.get_by_role("heading", name="Changed elsewhere")).to_be_visible()

    def assert_usable() -> None:
        assert Axe().run(signed_in).response["violations"] == []
        assert signed_in.evaluate(SMALLER_THAN_A_FINGER) == []
        assert signed_in.evaluate("document.documentElement.scrollWidth") <= 375

    assert_usable()
    signed_in.get_by_role("button", name="Edit Mine").click()
    assert_usable()
    signed_in.keyboard.press("Escape")
    signed_in.on("dialog", lambda dialog: dialog.accept())
    signed_in.get_by_role("button", name="Sign out").click()
    assert_usable()


def test_a_token_is_kept_for_the_tab_and_in_no_url(page: Page, guarded: Client) -> None:
    user_id = f"alice é {uuid4()}"
    good, short = token(claims(user_id)), token(claims(user_id, exp=int(time.time()) - 5))  # JWT_LEEWAY is 10 s.
    urls: list[str] = []
    page.on("request", lambda request: urls.append(request.url))
    sign_in(page, guarded.url, user_id, short)
    headers = {"Authorization": f"Bearer {short}"}
    wait_for(lambda: guarded.request("GET", f"/api/{quote(user_id)}/tasks", headers=headers).status_code == 401)
    add(page, Title="Buy milk")
    expect(page.get_by_text("Token has expired. Your edits are kept.")).to_be_visible()
    sign_in(page, guarded.url, user_id, good)
    synchronize(page)
    headers = {"Authorization": f"Bearer {good}"}
    assert [
        task["title"] for task in guarded.request("GET", f"/api/{quote(user_id)}/tasks", headers=headers).json()
    ] == ["Buy milk"]
    page.reload()
    expect(page.get_by_text("Buy milk")).to_be_visible()
    assert good in page.evaluate("JSON.stringify(sessionStorage)")
    assert good not in page.evaluate("JSON.stringify(localStorage)")
    assert good not in page.content()
    assert not any(good in url or short in url for url in urls)
    page.get_by_role("button", name="Sign out").click()
    assert page.evaluate("sessionStorage.length + localStorage.length") == 0
