"""The parameters of a list: names, aliases, letter case, bounds, ties, totals and links."""

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support.client import Tasks
from tests.support.promises import promise

pytestmark = pytest.mark.part2

PARAMETERS = (
    *("status", "completed", "priority", "tags", "tag", "search", "q", "due_before", "due_after"),
    *("sort_by", "sort", "order", "sort_order", "limit", "cursor", "offset", "skip", "view"),
)


def create(tasks: Tasks, title: str, **fields: Any) -> Any:
    return tasks.send("POST", "?view=full", {"title": title, **fields}).json()


def titles(tasks: Tasks, query: str) -> list[str]:
    answer = tasks.send("GET", query)
    assert answer.status_code == 200, answer.text
    return [task["title"] for task in answer.json()]


@promise("docs/api.md#asking-the-list", "An empty one counts as absent")
@pytest.mark.parametrize("name", PARAMETERS)
def test_an_empty_parameter_is_none(alice: Tasks, name: str) -> None:
    tasks = [alice.create("a"), alice.create("b")]
    answer = alice.send("GET", f"?{name}=")
    assert (answer.status_code, answer.json()) == (200, tasks)


@promise("docs/api.md#asking-the-list", "an unknown one is ignored")
@pytest.mark.parametrize("name", ["colour", "Limit", "tags[]"])
def test_an_unknown_parameter_is_none(alice: Tasks, name: str) -> None:
    task = alice.create()
    assert alice.send("GET", f"?{name}=0").json() == [task]


@promise("docs/api.md#asking-the-list", "of a parameter and its alias, the parameter")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?q=a&search=b", "b"),
        ("?sort=created_at&sort_by=title&order=desc&sort_order=asc", "cba"),
        ("?skip=1&offset=2", "c"),
        ("?search=&q=a", "a"),
    ],
)
def test_a_parameter_counts_before_its_alias(alice: Tasks, query: str, expected: str) -> None:
    for title in "abc":
        alice.create(title)
    assert titles(alice, query) == list(expected)


@promise("docs/api.md#asking-the-list", "Of a repeated parameter, the last one counts")
def test_of_a_repeated_parameter_the_last_one_counts(alice: Tasks) -> None:
    for title in "abc":
        alice.create(title)
    assert titles(alice, "?limit=1&limit=2") == ["a", "b"]
    assert titles(alice, "?search=a&search=c") == ["c"]


@promise("docs/api.md#asking-the-list", "Words are taken in any letter case.")
def test_words_are_taken_in_any_letter_case(alice: Tasks) -> None:
    create(alice, "a", priority="high", completed=True)
    create(alice, "b")
    for query in ("?status=Completed", "?status=DONE", "?completed=TRUE", "?priority=HiGH"):
        assert titles(alice, query) == ["a"]
    assert titles(alice, "?sort_by=TITLE&order=Desc") == ["b", "a"]
    assert "priority" in alice.send("GET", "?view=FULL").json()[0]


@promise("docs/api.md#asking-the-list", "tasks that have all of these tags, joined by commas")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?tags=x", "ab"),
        ("?tags=x,y", "a"),
        ("?tags=x&tag=y", "a"),
        ("?tags=X", ""),
        ("?tag=x,y", ""),
        ("?tag=z,z", "b"),
    ],
)
def test_tags_are_compared_as_they_are_written(alice: Tasks, query: str, expected: str) -> None:
    create(alice, "a", tags=["x", "y"])
    create(alice, "b", tags=["x", "z,z"])
    create(alice, "c")
    assert titles(alice, query) == list(expected)


@promise("docs/api.md#asking-the-list", "any of `low`, `medium`, `high` and `none`, joined by commas")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("low", "a"),
        ("none", "d"),
        ("low,high", "ac"),
        ("none,medium", "bd"),
    ],
)
def test_priorities_are_joined_by_commas(alice: Tasks, query: str, expected: str) -> None:
    for title, priority in zip("abcd", ("low", "medium", "high", None), strict=True):
        create(alice, title, priority=priority)
    assert titles(alice, f"?priority={query}") == list(expected)


@promise("docs/api.md#asking-the-list", "tasks with every word in the title or the description, in any letter case")
def test_every_word_is_searched_in_title_and_description(alice: Tasks) -> None:
    alice.create("Buy milk", description="at the Corner shop")
    alice.create("Sell milk")
    assert titles(alice, "?search=MILK") == ["Buy milk", "Sell milk"]
    assert titles(alice, "?search=corner+%20+buy") == ["Buy milk"]
    assert titles(alice, "?search=ilk+corn") == ["Buy milk"]
    assert titles(alice, "?search=buy+sell") == []


@promise("docs/api.md#asking-the-list", "due before (exclusive), or at or after (inclusive), a date or a time.")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?due_before=2026-03-02", "a"),
        ("?due_after=2026-03-02", "bc"),
        ("?due_before=2026-03-02T08:00:00Z", "ab"),
        ("?due_after=2026-03-02T08:00:00Z", "c"),
        ("?due_after=2026-03-02T09:00:00%2B01:00", "c"),
        ("?due_after=2026-03-02T08:00", "c"),
        ("?due_after=2026-03-02T08:00:01Z", ""),
        ("?due_after=2026-03-01&due_before=2026-03-02", "a"),
        ("?due_after=0001-01-01", "abc"),
    ],
)
def test_due_dates_compare_as_instants(alice: Tasks, query: str, expected: str) -> None:
    create(alice, "a", due_date="2026-03-01T23:59:59")
    create(alice, "b", due_date="2026-03-02")
    create(alice, "c", due_date="2026-03-02T09:00:00", time_zone="Europe/Berlin")
    create(alice, "never")
    assert titles(alice, query) == list(expected)


@promise("docs/api.md#asking-the-list", "ties oldest first, and what has no value last, in either order")
@pytest.mark.parametrize(
    ("key", "ascending", "descending"),
    [
        ("title", "acbd", "bdac"),
        ("due_date", "badc", "adbc"),
        ("priority", "dabc", "abdc"),
        ("completed_at", "bacd", "bacd"),
    ],
)
def test_ties_are_oldest_first_and_what_has_no_value_is_last(
    alice: Tasks, key: str, ascending: str, descending: str
) -> None:
    create(alice, "A", description="a", due_date="2026-03-02", priority="high")
    create(alice, "b", description="b", due_date="2026-03-01", priority="high", completed=True)
    create(alice, "a", description="c")
    create(alice, "B", description="d", due_date="2026-03-02", priority="low")
    for order, expected in (("asc", ascending), ("desc", descending)):
        found = alice.send("GET", f"?sort_by={key}&order={order}").json()
        assert "".join(task["description"] for task in found) == expected


@promise("docs/api.md#headers", "with a list: how many tasks match its filters")
def test_the_total_is_that_of_the_filters_whatever_the_page(alice: Tasks) -> None:
    for number in range(4):
        alice.create(str(number), completed=number == 0)
    for query, total in (("", 4), ("?limit=1", 4), ("?limit=1&offset=3", 4), ("?status=pending&limit=2", 3)):
        for method in ("GET", "HEAD"):
            assert alice.send(method, query).headers["X-Total-Count"] == str(total)


@promise("docs/api.md#asking-the-list", "is a reference to the next part, with all other parameters")
def test_a_link_keeps_the_other_parameters_and_is_there_only_where_there_is_more(alice: Tasks) -> None:
    for title in "abc":
        create(alice, title, tags=["x", "y"])
    query = "?view=full&tag=x&tag=y&sort_by=title&limit=2&unknown=1"
    link = re.fullmatch(r'<([^>]+)>; rel="next"', alice.send("GET", query).headers["Link"])
    assert link
    sent, linked = parse_qs(query[1:]), parse_qs(urlsplit(link[1]).query)
    assert linked.pop("cursor")
    assert linked == sent
    for complete in ("", "?limit=3", "?offset=1", "?limit=2&offset=1", "?limit=1000"):
        assert "Link" not in alice.send("GET", complete).headers


@promise("docs/api.md#asking-the-list", "goes on where the part before ended; `Link` has it")
def test_a_cursor_without_a_limit_gives_all_the_rest(alice: Tasks) -> None:
    for title in "abcd":
        alice.create(title)
    cursor = re.search(r"cursor=([^&>]+)", alice.send("GET", "?limit=1").headers["Link"])
    assert cursor
    answer = alice.send("GET", f"?cursor={cursor[1]}")
    assert [task["title"] for task in answer.json()] == ["b", "c", "d"]
    assert "Link" not in answer.headers
