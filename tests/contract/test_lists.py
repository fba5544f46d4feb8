"""Lists of which a client asks for a part: filters, order, pages."""

import re
from itertools import chain, pairwise
from typing import Any
from urllib.parse import quote, urljoin

import pytest
import requests

from tests.support.client import Tasks
from tests.support.promises import promise

pytestmark = pytest.mark.part2


def ask(tasks: Tasks, query: str) -> requests.Response:
    return tasks.client.request("GET", f"{tasks.path}?{query}")


def titles(tasks: Tasks, query: str) -> list[str]:
    """Return the titles of the tasks that match, which are as many as the header says."""
    answer = ask(tasks, query)
    assert answer.status_code == 200, answer.text
    found = [task["title"] for task in answer.json()]
    if "limit" not in query:
        assert answer.headers["X-Total-Count"] == str(len(found))
    return found


@pytest.fixture
def some(alice: Tasks) -> Tasks:
    """Tasks of which each differs from the others."""
    for body in (
        {"title": "ärger", "priority": "high", "due_date": "2026-03-02", "tags": ["home", "a,b"]},
        {"title": "Bread", "description": "50% rye_flour", "completed": True, "tags": ["home"]},
        {"title": "Ämter", "priority": "low", "due_date": "2026-03-01T09:00:00", "time_zone": "Europe/Berlin"},
        {"title": "milk", "priority": "medium", "due_date": "2026-03-01T08:30:00Z"},
    ):
        assert alice.client.request("POST", f"{alice.path}?view=full", json=body).status_code == 201
    return alice


@promise("docs/api.md#asking-the-list", "`GET /api/{user_id}/tasks` takes these parameters.")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("status=&search=&unknown=1", "ärger Bread Ämter milk"),
        ("status=PENDING", "ärger Ämter milk"),
        ("status=active", "ärger Ämter milk"),
        ("status=all", "ärger Bread Ämter milk"),
        ("completed=true", "Bread"),
        ("status=done&completed=false", ""),
        ("status=pending&status=done", "Bread"),
        ("priority=HIGH,none", "ärger Bread"),
        ("tags=home", "ärger Bread"),
        ("tag=home&tag=" + quote("a,b"), "ärger"),
        ("search=" + quote("ä"), "ärger Ämter"),
        ("q=" + quote("RYE 50%"), "Bread"),
        ("search=%25", "Bread"),
        ("search=_", "Bread"),
        ("search=%5C", ""),
        ("due_after=2026-03-01T08:00:00Z&due_before=2026-03-02", "Ämter milk"),
        ("due_after=2026-03-02", "ärger"),
        ("sort_by=title", "Bread milk Ämter ärger"),
        ("sort=title&order=DESC", "ärger Ämter milk Bread"),
        ("sort_by=priority", "Ämter milk ärger Bread"),
        ("sort_by=priority&sort_order=desc", "ärger milk Ämter Bread"),
        ("sort_by=due_date", "Ämter milk ärger Bread"),
        ("sort_by=completed_at&order=desc", "Bread ärger Ämter milk"),
        ("sort_by=created_at&order=desc", "milk Ämter Bread ärger"),
        ("offset=2", "Ämter milk"),
        ("skip=1&limit=2", "Bread Ämter"),
    ],
)
def test_a_list_is_filtered_and_sorted(some: Tasks, query: str, expected: str) -> None:
    assert (titles(some, query) if "offset" not in query else [task["title"] for task in ask(some, query).json()]) == (
        expected.split()
    )


def walk(tasks: Tasks, query: str) -> Any:
    """Give the titles of one page after the other, by the links."""
    answer = ask(tasks, query)
    while True:
        yield [task["title"] for task in answer.json()]
        if "Link" not in answer.headers:
            return
        link = re.fullmatch(r'<([^>]+)>; rel="next"', answer.headers["Link"])
        assert link
        path = urljoin(tasks.client.url + tasks.path, link[1]).removeprefix(tasks.client.url)
        answer = tasks.client.request("GET", path)
        assert answer.status_code == 200, answer.text


@promise(
    "docs/api.md#asking-the-list",
    '`Link: <…>; rel="next"` (RFC 8288) is a reference to the next part, with all other parameters.',
)
@pytest.mark.parametrize("key", ["created_at", "updated_at", "title", "due_date", "priority", "completed_at"])
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_a_walk_shows_each_task_once_in_the_order_of_the_whole(some: Tasks, key: str, order: str) -> None:
    query = f"sort_by={key}&order={order}"
    pages = list(walk(some, f"{query}&limit=1"))
    assert [len(page) for page in pages] == [1, 1, 1, 1]
    assert list(chain.from_iterable(pages)) == titles(some, query)


@promise(
    "docs/api.md#asking-the-list",
    "Tasks that change, come or go meanwhile never make such a walk leave out, or repeat, a task that stayed where "
    "it was.",
)
def test_a_walk_misses_nothing_while_tasks_come_and_go(alice: Tasks) -> None:
    tasks = [alice.create(f"{number:02}") for number in range(10)]
    pages = walk(alice, "sort_by=title&limit=3")
    seen = next(pages)
    alice.delete(tasks[1]["id"])
    alice.create("00 another")
    seen += chain.from_iterable(pages)
    assert seen == [f"{number:02}" for number in range(10)]


@promise(
    "docs/api.md#faults",
    "a cursor, or a token, that the service did not make for this request | `value_error.cursor` | `invalid cursor`",
)
def test_a_cursor_is_good_for_its_user_and_its_filters_only(alice: Tasks, bob: Tasks) -> None:
    for tasks in (alice, bob):
        for title in "ab":
            tasks.create(title)
    cursor = re.search(r"cursor=([^&>]+)", ask(alice, "limit=1").headers["Link"])
    assert cursor
    assert titles(alice, f"limit=1&cursor={cursor[1]}") == ["b"]
    for tasks, query in ((bob, ""), (alice, "&status=pending"), (alice, "&order=desc"), (alice, "&offset=1")):
        assert ask(tasks, f"cursor={cursor[1]}{query}").status_code == 422
    assert ask(alice, f"cursor={cursor[1][:-1]}").status_code == 422


@promise("docs/api.md#headers", "with a list: how many tasks match its filters")
def test_head_tells_the_number_and_the_next_page(alice: Tasks) -> None:
    for title in "ab":
        alice.create(title)
    answer = alice.client.request("HEAD", f"{alice.path}?limit=1")
    assert (answer.headers["X-Total-Count"], answer.content) == ("2", b"")
    assert 'rel="next"' in answer.headers["Link"]


@promise("docs/api.md#the-task", "when it was last changed")
def test_times_are_in_the_order_of_the_changes(alice: Tasks) -> None:
    tasks = [alice.create(title) for title in "abc"]
    alice.put(tasks[0]["id"], {"title": "a again"})
    found = ask(alice, "sort_by=updated_at").json()
    assert [task["title"] for task in found] == ["b", "c", "a again"]
    assert all(one["updated_at"] <= other["updated_at"] for one, other in pairwise(found))
