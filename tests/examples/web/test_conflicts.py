"""The example of a web page, in Chromium, beside another client of the same user."""

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import CHROMIUM, add, assert_shown, change, save, synchronize
from tests.support.client import Tasks
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="not installed: chromium")]


def test_changes_of_others_are_caught_up_and_merged(signed_in: Page, alice: Tasks) -> None:
    add(signed_in, Title="Buy milk")
    synchronize(signed_in)
    task = alice.all()[0]
    alice.put(task["id"], {"description": "Two litres"})
    change(signed_in, "Buy milk", Title="Buy oat milk")
    synchronize(signed_in)
    merged = alice.all()[0]
    assert (merged["title"], merged["description"]) == ("Buy oat milk", "Two litres")
    expect(signed_in.get_by_text("Two litres")).to_be_visible()
    alice.delete(task["id"])
    synchronize(signed_in)
    expect(signed_in.locator("li")).to_have_count(0)


@pytest.mark.parametrize(("button", "left"), [("Keep yours", "Mine"), ("Take theirs", "Theirs")])
def test_a_conflict_shows_both_until_the_user_decides(signed_in: Page, alice: Tasks, button: str, left: str) -> None:
    add(signed_in, Title="Buy milk")
    synchronize(signed_in)
    alice.put(alice.all()[0]["id"], {"title": "Theirs"})
    change(signed_in, "Buy milk", Title="Mine")
    expect(signed_in.get_by_role("heading", name="Changed elsewhere")).to_be_visible()
    assert signed_in.locator("dd").all_inner_texts() == ["title: Mine", "title: Theirs"]
    assert alice.all()[0]["title"] == "Theirs"
    signed_in.get_by_role("button", name=button).click()
    synchronize(signed_in)
    assert_shown(signed_in, left)
    assert [task["title"] for task in alice.all()] == [left]


def test_what_happens_while_the_editor_is_open_is_not_overwritten(signed_in: Page, alice: Tasks) -> None:
    signed_in.context.set_offline(True)
    add(signed_in, Title="Buy milk")
    signed_in.get_by_role("button", name="Edit Buy milk").click()
    signed_in.context.set_offline(False)
    (task,) = wait_for(alice.all)
    alice.put(task["id"], {"title": "Theirs", "description": "Two litres"})
    synchronize(signed_in)
    assert_shown(signed_in, "Theirs")
    save(signed_in, Title="Mine")
    expect(signed_in.get_by_role("heading", name="Changed elsewhere")).to_be_visible()
    signed_in.get_by_role("button", name="Keep yours").click()
    synchronize(signed_in)
    assert [(task["title"], task["description"]) for task in alice.all()] == [("Mine", "Two litres")]


@pytest.mark.parametrize(("button", "left"), [("Keep yours", ["Mine"]), ("Take theirs", [])])
def test_an_edit_of_a_task_that_was_deleted_elsewhere_is_not_lost(
    signed_in: Page, alice: Tasks, button: str, left: list[str]
) -> None:
    add(signed_in, Title="Buy milk")
    synchronize(signed_in)
    alice.delete(alice.all()[0]["id"])
    change(signed_in, "Buy milk", Title="Mine")
    expect(signed_in.get_by_role("heading", name="Deleted elsewhere")).to_be_visible()
    signed_in.get_by_role("button", name=button).click()
    synchronize(signed_in)
    assert_shown(signed_in, *left)
    assert [task["title"] for task in alice.all()] == left
