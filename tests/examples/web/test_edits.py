"""The example of a web page, in Chromium: what the user does arrives once, whatever happens on the way."""

from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from tests.support.browser import CHROMIUM, add, assert_shown, change, sign_in, synchronize
from tests.support.client import Tasks
from tests.support.lossy import losing
from tests.support.service import Service
from tests.support.stack import free_port
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="not installed: chromium")]


def full(tasks: Tasks) -> list[dict[str, object]]:
    found: list[dict[str, object]] = tasks.client.get(f"{tasks.path}?view=full").json()
    return found


def test_tasks_are_added_edited_completed_deleted_and_filtered(signed_in: Page, alice: Tasks) -> None:
    add(signed_in, Title="Call the dentist", Due_date="2031-03-01", Time="09:30", Priority="high")
    add(signed_in, Title="Buy milk", Description="Two litres")
    add(signed_in, Title="Never mind")
    change(signed_in, "Buy milk", Title="Buy oat milk", Due_date="2031-02-01")
    signed_in.get_by_label("Buy oat milk", exact=True).check()
    signed_in.get_by_role("button", name="Edit Never mind").click()
    signed_in.get_by_role("button", name="Delete").click()
    synchronize(signed_in)
    dentist, milk = full(alice)
    assert (dentist["title"], dentist["due_date"], dentist["priority"]) == (
        "Call the dentist",
        "2031-03-01T09:30:00",
        "high",
    )
    assert (milk["title"], milk["description"], milk["due_date"]) == ("Buy oat milk", "Two litres", "2031-02-01")
    assert milk["completed"] is True
    assert_shown(signed_in, "Call the dentist", "Buy oat milk")
    expect(signed_in.get_by_text("1 Mar 2031, 09:30")).to_be_visible()
    for label, value, shown in (
        ("Show", "Done", ["Buy oat milk"]),
        ("Show", "To do", ["Call the dentist"]),
        ("Priority", "high", ["Call the dentist"]),
        ("Priority", "null", ["Buy oat milk"]),
        ("Search", "LITRES milk", ["Buy oat milk"]),
        ("Search", "cheese", []),
    ):
        field = signed_in.get_by_role("search").get_by_label(label)
        empty = field.input_value()
        field.fill(value) if label == "Search" else field.select_option(value)
        assert_shown(signed_in, *shown)
        field.fill(empty) if label == "Search" else field.select_option(empty)


def test_edits_made_offline_survive_a_reload_and_arrive(
    app: Flask, origin: str, page: Page, alice: Tasks, tmp_path: Path
) -> None:
    settings = {"DATABASE_URL": app.config["DATABASE_URL"], "CORS_ORIGINS": origin, "port": free_port()}
    service = Service(tmp_path / "first", **settings)
    alice.create("Buy milk")
    sign_in(page, service.url(), alice.user_id)
    service.stop()
    change(page, "Buy milk", Title="Buy oat milk")
    add(page, Title="Made offline")
    change(page, "Made offline", Description="Changed offline")
    page.reload()
    expect(page.get_by_text("Offline, 3 waiting")).to_be_visible()
    assert_shown(page, "Buy oat milk", "Made offline")
    alice.create("Made elsewhere")
    service = Service(tmp_path / "second", **settings)
    service.url()
    synchronize(page)
    assert_shown(page, "Buy oat milk", "Made elsewhere", "Made offline")
    assert [task["title"] for task in alice.all()] == ["Buy oat milk", "Made elsewhere", "Made offline"]
    assert alice.all()[2]["description"] == "Changed offline"
    service.stop()


def test_a_lost_answer_repeats_nothing(page: Page, alice: Tasks) -> None:
    with losing(alice.client.url) as proxy:
        sign_in(page, proxy.url, alice.user_id)
        proxy.to_lose = {"POST", "PUT"}
        add(page, Title="Buy milk")
        expect(page.get_by_text("Offline, 1 waiting")).to_be_visible()
        change(page, "Buy milk", Title="Buy oat milk")
        wait_for(lambda: not proxy.to_lose)
        expect(page.get_by_text("Offline, 1 waiting")).to_be_visible()
        synchronize(page)
    assert_shown(page, "Buy oat milk")
    assert [task["title"] for task in alice.all()] == ["Buy oat milk"]


def test_a_service_that_is_busy_is_left_alone_for_as_long_as_it_says(page: Page, alice: Tasks) -> None:
    with losing(alice.client.url) as proxy:
        sign_in(page, proxy.url, alice.user_id)
        proxy.busy, proxy.retry_after = 1, "3"
        add(page, Title="Buy milk")
        expect(page.get_by_text("Busy, 1 waiting")).to_be_visible()
        asked = len(proxy.asked)
        add(page, Title="Buy eggs")
        expect(page.get_by_text("Busy, 2 waiting")).to_be_visible()
        assert len(proxy.asked) == asked
        expect(page.get_by_text("Up to date", exact=True)).to_be_visible()
    assert [task["title"] for task in alice.all()] == ["Buy milk", "Buy eggs"]


def test_a_list_that_the_browser_has_is_not_sent_again(signed_in: Page, alice: Tasks) -> None:
    alice.create("Buy milk")
    session = signed_in.context.new_cdp_session(signed_in)
    session.send("Network.enable")
    statuses: list[int] = []
    session.on("Network.responseReceivedExtraInfo", lambda event: statuses.append(event["statusCode"]))
    for _ in range(2):
        signed_in.get_by_role("button", name="Sign out").click()
        sign_in(signed_in, alice.client.url, alice.user_id)
        expect(signed_in.get_by_text("Buy milk")).to_be_visible()
    assert statuses == [200, 304]


def test_an_expired_token_of_the_changes_starts_anew(signed_in: Page, alice: Tasks) -> None:
    alice.create("Buy milk")
    synchronize(signed_in)
    erased = alice.client.request("DELETE", f"/api/{alice.user_id}", headers={"If-Match": "*"})
    if erased.status_code in (404, 405):
        pytest.skip("the data of a user can't be erased")
    assert erased.status_code == 200
    alice.create("After")
    synchronize(signed_in)
    assert_shown(signed_in, "After")
