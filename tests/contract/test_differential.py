"""Lists beside a model in a few lines of Python: whatever is asked for together, the answer is the model's."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode, urljoin
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.client import Tasks
from tests.support.promises import promise

pytestmark = pytest.mark.part2

Task = dict[str, Any]

PRIORITIES = (None, "low", "medium", "high")
TITLES = ("Buy milk", "buy MILK and bread", "Äpfel", "äpfel %", "under_score", "back\\slash", "Zürich", "zoo", "100 %")
DUE_DATES = (
    *((None, None), ("2026-03-01", None), ("2026-02-28", None), ("2026-03-01T00:00:00", None)),
    *(
        ("2026-03-01T09:00:00", "America/New_York"),
        ("2026-03-01T09:00:00Z", None),
        ("2026-03-01T00:30:00", "Asia/Tokyo"),
    ),
)
TAGS = ((), ("home",), ("home", "garden"), ("Home",), ("a,b",))
TASKS = 36

MOMENTS = st.sampled_from(
    ["2026-02-28", "2026-03-01", "2026-03-01T09:00:00", "2026-03-01T14:00:00Z", "2026-02-28T16:00Z"]
)
QUERIES = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(["all", "pending", "COMPLETED", "active", "done"]),
        "completed": st.sampled_from(["true", "false"]),
        "priority": st.sampled_from(["high", "low,none", "MEDIUM, high", "none"]),
        "tags": st.sampled_from(["home", "home,garden", "Home"]),
        "tag": st.lists(st.sampled_from(["home", "garden", "a,b"]), max_size=2),
        "search": st.sampled_from(["milk", "MILK bread", "äpf", "%", "_", "\\", "z"]),
        "due_before": MOMENTS,
        "due_after": MOMENTS,
        "sort_by": st.sampled_from(["created_at", "updated_at", "title", "due_date", "priority", "completed_at"]),
        "order": st.sampled_from(["asc", "DESC"]),
    },
)


def read_moment(text: str, zone: str | None = None) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone) if zone else UTC)


def find_due(task: Task) -> datetime | None:
    return read_moment(task["due_date"], task["time_zone"]) if task["due_date"] else None


def matches(task: Task, query: dict[str, Any]) -> bool:
    due = find_due(task)
    text = f"{task['title']}\n{task['description'] or ''}".lower()
    states = {"all": (True, False), "pending": (False,), "active": (False,), "completed": (True,), "done": (True,)}
    wanted = [
        task["completed"] in states[query.get("status", "all").lower()],
        "completed" not in query or task["completed"] is (query["completed"] == "true"),
        "priority" not in query
        or (task["priority"] or "none") in [word.strip().lower() for word in query["priority"].split(",")],
        {*filter(None, query.get("tags", "").split(",")), *query.get("tag", [])} <= set(task["tags"]),
        all(word.lower() in text for word in query.get("search", "").split()),
        "due_before" not in query or (due is not None and due < read_moment(query["due_before"])),
        "due_after" not in query or (due is not None and due >= read_moment(query["due_after"])),
    ]
    return all(wanted)


def find_key(task: Task, sort: str) -> Any:
    keys = {
        "title": task["title"].lower(),
        "due_date": find_due(task),
        "priority": PRIORITIES.index(task["priority"]) or None,
    }
    return keys.get(sort, task.get(sort))


def order_tasks(tasks: list[Task], query: dict[str, Any]) -> list[Task]:
    """Ties are in the order of creation; what has no value comes last."""
    sort, is_descending = query.get("sort_by", "created_at"), query.get("order", "asc").lower() == "desc"
    valued = [task for task in tasks if find_key(task, sort) is not None]
    # A sort that is turned around keeps the order of ties.
    valued.sort(key=lambda task: find_key(task, sort), reverse=is_descending)
    return valued + [task for task in tasks if find_key(task, sort) is None]


def fill(alice: Tasks) -> list[Task]:
    for number in range(TASKS):
        due_date, time_zone = DUE_DATES[number % len(DUE_DATES)]
        body = {
            "title": TITLES[number % len(TITLES)],
            "description": None if number % 3 else TITLES[number % 7],
            "completed": number % 5 == 0,
            "priority": PRIORITIES[number % len(PRIORITIES)],
            "due_date": due_date,
            "time_zone": time_zone,
            "tags": TAGS[number % len(TAGS)],
        }
        assert alice.send("POST", "?view=full", body).status_code == 201
    for task in alice.all()[::4]:
        alice.complete(task["id"])
    return alice.all_in_full()


@promise("docs/api.md#asking-the-list", "The answer is a bare array, always.")
def test_a_list_is_what_the_model_says(alice: Tasks) -> None:
    tasks = fill(alice)

    @settings(max_examples=150)
    @given(QUERIES, st.none() | st.integers(1, 12), st.none() | st.integers(0, 40))
    def compare(query: dict[str, Any], limit: int | None, offset: int | None) -> None:
        expected = order_tasks([task for task in tasks if matches(task, query)], query)
        page = {"limit": limit, "offset": offset}
        asked = {**query, "view": "full", **{name: value for name, value in page.items() if value is not None}}
        answer = alice.send("GET", f"?{urlencode(asked, doseq=True)}")
        start = offset or 0
        stop = None if limit is None else start + limit
        assert answer.json() == expected[start:stop]
        assert answer.headers["X-Total-Count"] == str(len(expected))
        assert ("Link" in answer.headers) == (stop is not None and stop < len(expected))

    compare()


@promise("docs/api.md#asking-the-list", "goes on where the part before ended; `Link` has it")
def test_the_pages_of_a_list_are_the_list(alice: Tasks) -> None:
    tasks = fill(alice)

    @settings(max_examples=40)
    @given(QUERIES, st.integers(1, 12))
    def compare(query: dict[str, Any], limit: int) -> None:
        expected = order_tasks([task for task in tasks if matches(task, query)], query)
        url, found = f"{alice.path}?{urlencode({**query, 'view': 'full', 'limit': limit}, doseq=True)}", []
        for _ in range(TASKS + 1):
            answer = alice.client.get(url)
            found += answer.json()
            if "Link" not in answer.headers:
                break
            assert len(answer.json()) == limit
            url = urljoin(url, answer.links["next"]["url"])
        assert found == expected

    compare()
