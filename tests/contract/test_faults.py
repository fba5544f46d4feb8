"""The vocabulary of faults of part 2, word by word: in the query, in headers and in bodies."""

from typing import Any
from uuid import uuid4

import pytest

from tests.support.client import Client, Tasks
from tests.support.faults import CHARACTER, EMPTY, NOT_A_STRING, NULL, fault, too_long
from tests.support.promises import promise

pytestmark = pytest.mark.part2

FAR = "2999-01-31"
NOT_AN_INTEGER = {"msg": "value is not a valid integer", "type": "type_error.integer"}
NOT_A_DATE = {"msg": "invalid date format", "type": "value_error.date"}
NOT_A_LIST = {"msg": "value is not a valid list", "type": "type_error.list"}
TOO_MANY = {"msg": "ensure this value has at most 20 items", "type": "value_error.list.max_items"}
NO_ZONE = {"msg": "unknown time zone", "type": "value_error.timezone"}
NO_RULE = {"msg": "invalid recurrence rule", "type": "value_error.recurrence"}
BAD_CURSOR = {"msg": "invalid cursor", "type": "value_error.cursor"}
USED_KEY = {"msg": "key was used with another request", "type": "value_error.idempotency_key"}


def none_of(*words: str) -> dict[str, str]:
    permitted = ", ".join(f"'{word}'" for word in words)
    return {"msg": f"value is not a valid enumeration member; permitted: {permitted}", "type": "type_error.enum"}


def at_least(bound: int) -> dict[str, str]:
    return {"msg": f"ensure this value is greater than or equal to {bound}", "type": "value_error.number.not_ge"}


def at_most(bound: int) -> dict[str, str]:
    return {"msg": f"ensure this value is less than or equal to {bound}", "type": "value_error.number.not_le"}


PRIORITIES, SORTS = (
    ("low", "medium", "high"),
    ("created_at", "updated_at", "title", "due_date", "priority", "completed_at"),
)
BAD_QUERIES: list[tuple[str, str, dict[str, str]]] = [
    ("view=all", "view", none_of("full", "basic")),
    ("status=maybe", "status", none_of("all", "pending", "completed", "active", "done")),
    ("completed=yes", "completed", none_of("true", "false")),
    ("priority=urgent", "priority", none_of(*PRIORITIES, "none")),
    ("sort_by=colour", "sort_by", none_of(*SORTS)),
    ("sort=colour", "sort", none_of(*SORTS)),
    ("order=up", "order", none_of("asc", "desc")),
    ("limit=ten", "limit", NOT_AN_INTEGER),
    ("limit=1.5", "limit", NOT_AN_INTEGER),
    ("limit=0", "limit", at_least(1)),
    ("limit=1001", "limit", at_most(1000)),
    ("limit=" + "9" * 30, "limit", at_most(1000)),
    ("offset=-1", "offset", at_least(0)),
    ("skip=-1", "skip", at_least(0)),
    ("due_before=soon", "due_before", NOT_A_DATE),
    ("due_after=2026-13-01", "due_after", NOT_A_DATE),
    ("due_after=2026-03-01T25:00", "due_after", NOT_A_DATE),
    ("cursor=made-up", "cursor", BAD_CURSOR),
    ("search=%00", "search", CHARACTER),
    ("q=a%00b", "q", CHARACTER),
    ("tag=%00", "tag", CHARACTER),
]


@promise("docs/api.md#faults", '`["query", "limit"]` is a parameter')
@pytest.mark.parametrize(("query", "name", "what"), BAD_QUERIES)
def test_a_fault_of_the_query_has_its_words(alice: Tasks, query: str, name: str, what: dict[str, str]) -> None:
    answer = alice.send("GET", f"?{query}")
    assert (answer.status_code, answer.json()) == (422, {"detail": [fault("query", name, **what)]})


@promise("docs/api.md#faults", "With 422, `detail` is a list of all faults of the request")
def test_all_faults_of_a_query_are_told_at_once(alice: Tasks) -> None:
    told = alice.send("GET", "?status=maybe&limit=0&due_before=soon").json()["detail"]
    assert sorted(one["loc"][1] for one in told) == ["due_before", "limit", "status"]


@promise("docs/api.md#faults", "all faults of the request, those of the path first")
def test_all_faults_of_a_request_are_told_at_once(client: Client) -> None:
    nobody = client.of("a" * 256)
    for answer, places in (
        (nobody.send("GET", "?limit=0"), [["path", "user_id"], ["query", "limit"]]),
        (nobody.send("GET", f"/{uuid4()}?view=x"), [["path", "user_id"], ["query", "view"]]),
        (nobody.changes("?since=x"), [["path", "user_id"], ["query", "since"]]),
        (
            nobody.send("POST", "?view=x", {"title": 5}, Idempotency_Key=""),
            [["path", "user_id"], ["query", "view"], ["header", "Idempotency-Key"], ["body", "title"]],
        ),
    ):
        assert (answer.status_code, [one["loc"] for one in answer.json()["detail"]]) == (422, places)


@promise("docs/api.md#asking-the-list", "leaves out so many tasks, for numbered pages; not with `cursor`")
@pytest.mark.parametrize("name", ["offset", "skip"])
def test_a_cursor_and_an_offset_exclude_each_other(alice: Tasks, name: str) -> None:
    answer = alice.send("GET", f"?cursor=made-up&{name}=1")
    assert answer.status_code == 422
    (told,) = answer.json()["detail"]
    assert (told["loc"], told["type"]) == (["query", name], "value_error.conflict")
    assert name in told["msg"]
    assert "cursor" in told["msg"]


BAD_BODIES: list[tuple[dict[str, Any], str, dict[str, str]]] = [
    ({"priority": "urgent"}, "priority", none_of(*PRIORITIES)),
    ({"priority": ""}, "priority", none_of(*PRIORITIES)),
    ({"priority": 1}, "priority", NOT_A_STRING),
    ({"due_date": "2026-02-30"}, "due_date", NOT_A_DATE),
    ({"due_date": "tomorrow"}, "due_date", NOT_A_DATE),
    ({"due_date": 5}, "due_date", NOT_A_STRING),
    ({"due_date": f"{FAR}T09:00", "time_zone": "Mars/Base"}, "time_zone", NO_ZONE),
    ({"due_date": f"{FAR}T09:00", "time_zone": 1}, "time_zone", NOT_A_STRING),
    ({"tags": None}, "tags", NULL),
    ({"tags": "a"}, "tags", NOT_A_LIST),
    ({"tags": [str(number) for number in range(21)]}, "tags", TOO_MANY),
    ({"recurrence": "sometimes", "due_date": FAR}, "recurrence", NO_RULE),
    *[
        ({"recurrence": rule, "due_date": FAR}, "recurrence", NO_RULE)
        for rule in (
            "FREQ=HOURLY",
            "FREQ=DAILY;INTERVAL=0",
            "FREQ=DAILY;INTERVAL=100",
            "FREQ=WEEKLY;BYDAY=1MO",
            "FREQ=WEEKLY;BYMONTHDAY=1",
            "FREQ=YEARLY;BYDAY=1MO",
            "FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30",
            "INTERVAL=2",
            "",
        )
    ],
    ({"recurrence": ["daily"], "due_date": FAR}, "recurrence", NOT_A_STRING),
    ({"recurrence_from": "never"}, "recurrence_from", none_of("due", "completion")),
    ({"recurrence_from": None}, "recurrence_from", NULL),
]


@promise("docs/api.md#faults", '`["body", "title"]` is a field')
@pytest.mark.parametrize(("body", "name", "what"), BAD_BODIES)
def test_a_fault_of_the_body_has_its_words(alice: Tasks, body: dict[str, Any], name: str, what: dict[str, str]) -> None:
    task = alice.create()
    expected = {"detail": [fault("body", name, **what)]}
    for method, where in (("POST", ""), ("PUT", f"/{task['id']}"), ("PATCH", f"/{task['id']}")):
        answer = alice.send(method, f"{where}?view=full", {"title": "a", **body})
        assert (answer.status_code, answer.json()) == (422, expected)
    assert alice.all() == [task]


@promise("docs/full-task.md#the-full-task", "an array of at most 20 strings of")
@pytest.mark.parametrize(
    ("tag", "what"), [("", EMPTY), (" \t", EMPTY), ("x" * 51, too_long(50)), (5, NOT_A_STRING), ("a\0", CHARACTER)]
)
def test_a_fault_of_a_tag_has_its_words(alice: Tasks, tag: Any, what: dict[str, str]) -> None:
    answer = alice.send("POST", "?view=full", {"title": "a", "tags": ["home", tag]})
    assert answer.status_code == 422
    (told,) = answer.json()["detail"]
    assert told["loc"][:2] == ["body", "tags"]
    assert {name: told[name] for name in what} == what


@promise("docs/api.md#faults", "two things that exclude or need each other | `value_error.conflict`")
@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({"recurrence": "daily"}, "recurrence"),
        ({"time_zone": "Europe/Berlin"}, "time_zone"),
        ({"time_zone": "Europe/Berlin", "due_date": FAR}, "time_zone"),
    ],
)
def test_what_is_needed_is_named(alice: Tasks, body: dict[str, Any], name: str) -> None:
    answer = alice.send("POST", "?view=full", {"title": "a", **body})
    assert answer.status_code == 422
    (told,) = answer.json()["detail"]
    assert (told["loc"], told["type"]) == (["body", name], "value_error.conflict")
    assert name in told["msg"]
    assert "due_date" in told["msg"]


@promise("docs/synchronization.md#idempotency-keys", "visible ASCII characters")
@pytest.mark.parametrize(("key", "what"), [("", EMPTY), ('""', EMPTY), ("x" * 256, too_long(255)), ("a b", CHARACTER)])
def test_a_fault_of_a_key_has_its_words(alice: Tasks, key: str, what: dict[str, str]) -> None:
    answer = alice.send("POST", body={"title": "a"}, Idempotency_Key=key)
    expected = {"detail": [fault("header", "Idempotency-Key", **what)]}
    assert (answer.status_code, answer.json()) == (422, expected)
    assert alice.all() == []


@promise("docs/api.md#faults", "`key was used with another request`")
def test_a_used_key_has_its_words(alice: Tasks) -> None:
    alice.send("POST", body={"title": "a"}, Idempotency_Key="k")
    answer = alice.send("POST", body={"title": "b"}, Idempotency_Key="k")
    assert (answer.status_code, answer.json()) == (422, {"detail": [fault("header", "Idempotency-Key", **USED_KEY)]})


@promise("docs/synchronization.md#changes", "counts tasks and deletions together")
@pytest.mark.parametrize(
    ("query", "name", "what"),
    [
        ("limit=0", "limit", at_least(1)),
        ("limit=1001", "limit", at_most(1000)),
        ("since=made-up", "since", BAD_CURSOR),
        ("view=all", "view", none_of("full", "basic")),
    ],
)
def test_a_fault_of_the_changes_has_its_words(alice: Tasks, query: str, name: str, what: dict[str, str]) -> None:
    answer = alice.changes(f"?{query}")
    assert (answer.status_code, answer.json()) == (422, {"detail": [fault("query", name, **what)]})
