"""The fields of the full view: how they are changed, cleared and left alone, and in which form they are kept."""

from typing import Any

import pytest

from tests.support.client import FIELDS, Tasks
from tests.support.promises import promise

pytestmark = pytest.mark.part2

FULL: dict[str, Any] = {
    "priority": "high",
    "due_date": "2026-03-01T09:00:00",
    "time_zone": "Europe/Berlin",
    "tags": ["home", "milk"],
    "recurrence": "FREQ=WEEKLY;BYDAY=MO",
    "recurrence_from": "completion",
}


@promise("docs/api.md#what-a-client-may-send", "A field that is absent stays as it is.")
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_what_is_absent_stays(alice: Tasks, method: str) -> None:
    task = alice.create_in_full(**FULL)
    assert {name: task[name] for name in FULL} == FULL
    changed = alice.send(method, f"/{task['id']}?view=full", {"title": "b"}).json()
    assert changed == {**task, "title": "b", "updated_at": changed["updated_at"], "version": 2}
    assert alice.send("GET", f"/{task['id']}?view=full").json() == changed


@promise("docs/full-task.md#the-full-task", "A change is checked against the task as it would be after it.")
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_each_field_is_changed_and_cleared(alice: Tasks, method: str) -> None:
    task = alice.create_in_full()
    path = f"/{task['id']}?view=full"
    for name, value in FULL.items():
        assert alice.send(method, path, {"due_date": FULL["due_date"], name: value}).json()[name] == value
    empty: dict[str, Any] = {"priority": None, "tags": [], "recurrence": None, "time_zone": None, "due_date": None}
    for name, value in empty.items():
        changed = alice.send(method, path, {name: value}).json()
        assert changed[name] == value
    assert (changed["recurrence_from"], changed["completed_at"], changed["version"]) == ("completion", None, 12)


@promise("docs/full-task.md#the-full-task", "`?view=basic` asks for the seven fields")
@pytest.mark.parametrize("view", ["basic", "Basic", ""])
def test_the_basic_view_is_asked_for_by_name(alice: Tasks, view: str) -> None:
    created = alice.send("POST", f"?view={view}", {"title": "a", "priority": "high"}).json()
    where = f"/{created['id']}?view={view}"
    for task in (created, alice.send("GET", where).json(), alice.send("PUT", where, {"title": "b"}).json()):
        assert set(task) == FIELDS
    assert alice.send("GET", f"/{created['id']}?view=full").json()["priority"] is None


@promise("docs/full-task.md#the-full-task", "set by the service: see [Versions]")
def test_what_the_service_sets_is_ignored_in_a_body(alice: Tasks) -> None:
    task = alice.create_in_full(completed_at="2026-01-01T00:00:00Z", version=99)
    assert (task["completed_at"], task["version"]) == (None, 1)


@promise("docs/full-task.md#due-dates", "Fractions of a second are dropped.")
@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("2026-03-01", "2026-03-01"),
        ("2024-02-29", "2024-02-29"),
        ("2026-03-01T09:00", "2026-03-01T09:00:00"),
        ("2026-03-01T09:00:59.999999", "2026-03-01T09:00:59"),
        ("2026-03-01T23:30:00-01:00", "2026-03-02T00:30:00Z"),
        ("2026-03-01T09:00:00.5Z", "2026-03-01T09:00:00Z"),
        ("2026-03-01T09:00:00+05:30", "2026-03-01T03:30:00Z"),
        ("", None),
    ],
)
def test_a_due_date_is_kept_in_one_form(alice: Tasks, sent: str, kept: str | None) -> None:
    task = alice.create_in_full(due_date=sent)
    assert task["due_date"] == kept
    assert alice.send("PUT", f"/{task['id']}?view=full", {"due_date": sent}).json()["due_date"] == kept


@promise("docs/full-task.md#due-dates", "sent together with `time_zone`, the time on the wall there")
@pytest.mark.parametrize(
    ("sent", "zone", "kept"),
    [
        ("2026-07-01T09:00:00Z", "Europe/Berlin", "2026-07-01T11:00:00"),
        ("2026-01-01T00:30:00+01:00", "America/New_York", "2025-12-31T18:30:00"),
        ("2026-03-01T09:00:00", "Asia/Kolkata", "2026-03-01T09:00:00"),
    ],
)
def test_an_instant_with_a_zone_is_a_time_on_the_wall(alice: Tasks, sent: str, zone: str, kept: str) -> None:
    task = alice.create_in_full(due_date=sent, time_zone=zone)
    assert (task["due_date"], task["time_zone"]) == (kept, zone)


@promise("docs/full-task.md#the-full-task", "white space around a tag is removed; a repeated one counts once")
def test_tags_keep_their_order_and_come_once(alice: Tasks) -> None:
    assert alice.create_in_full(tags=["b ", "a", " b", "A"])["tags"] == ["b", "a", "A"]
    most = [str(number) * 25 for number in range(10, 30)]
    assert alice.create_in_full(tags=most)["tags"] == most
    assert alice.create_in_full(tags=[*most, most[0]])["tags"] == most


@promise(
    "docs/full-task.md#recurrence",
    "`monthly` and `yearly` are answered as rules.",
)
@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("daily", "FREQ=DAILY"),
        ("Weekdays", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"),
        ("weekly", "FREQ=WEEKLY"),
        ("monthly", "FREQ=MONTHLY"),
        ("YEARLY", "FREQ=YEARLY"),
        ("RRULE:FREQ=DAILY", "FREQ=DAILY"),
    ],
)
def test_a_word_is_answered_as_a_rule(alice: Tasks, sent: str, kept: str) -> None:
    assert alice.create_in_full(recurrence=sent, due_date="2026-03-01")["recurrence"] == kept


@promise("docs/full-task.md#recurrence", "These parts are known:")
@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=DAILY;INTERVAL=99",
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR",
        "FREQ=MONTHLY;BYDAY=2TU",
        "FREQ=MONTHLY;BYMONTHDAY=-1",
        "FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29",
        "FREQ=DAILY;UNTIL=29990101",
        "FREQ=DAILY;UNTIL=29990101T090000",
        "FREQ=DAILY;UNTIL=29990101T090000Z",
    ],
)
def test_every_part_of_a_rule_is_taken(alice: Tasks, rule: str) -> None:
    kept = alice.create_in_full(recurrence=rule, due_date="2026-03-01T09:00:00")["recurrence"]
    assert {*kept.split(";")} >= {part for part in rule.split(";") if not part.startswith("UNTIL")}
    assert ("UNTIL" in kept) == ("UNTIL" in rule)
