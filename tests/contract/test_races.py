"""Requests that race."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.client import Tasks
from tests.support.promises import promise

pytestmark = pytest.mark.part1

CLIENTS = 20


@promise(
    "docs/api.md#promises",
    "Requests that race lose no update: *n* concurrent toggles of one task toggle it *n* times.",
)
def test_a_hundred_concurrent_toggles_flip_a_hundred_times(alice: Tasks) -> None:
    task = alice.create()

    def toggle(times: int) -> list[tuple[str, bool]]:
        mine = alice.apart()
        answers = [mine.complete(task["id"]).json() for _ in range(times)]
        return [(answer["updated_at"], answer["completed"]) for answer in answers]

    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = sorted(answer for answers in pool.map(toggle, [5] * CLIENTS) for answer in answers)
    assert len({updated_at for updated_at, _ in answers}) == 100
    assert [completed for _, completed in answers] == [True, False] * 50
    assert alice.get(task["id"]).json()["completed"] is False


@promise("docs/api.md#promises", "Requests that race lose no update")
def test_concurrent_changes_of_different_fields_all_survive(alice: Tasks) -> None:
    for number in range(10):
        task = alice.create()
        changes = ({"title": f"Title {number}"}, {"description": f"Description {number}"}, {"completed": True})
        with ThreadPoolExecutor(len(changes)) as pool:
            list(pool.map(lambda change, task=task: alice.apart().put(task["id"], change), changes))
        changed = alice.get(task["id"]).json()
        assert {**task, **changes[0], **changes[1], **changes[2]} == {**changed, "updated_at": task["updated_at"]}


@promise("docs/api.md#promises", "A list is in the order of creation, and this order is stable.")
def test_concurrent_creations_all_appear_in_order(alice: Tasks) -> None:
    def create(of: int) -> list[str]:
        mine = alice.apart()
        return [mine.create(f"{of}")["id"] for _ in range(10)]

    with ThreadPoolExecutor(CLIENTS) as pool:
        created = list(pool.map(create, range(CLIENTS)))
    listed = alice.all()
    position = {task["id"]: number for number, task in enumerate(listed)}
    assert sorted(position) == sorted(task_id for ids in created for task_id in ids)
    for ids in created:
        assert [position[task_id] for task_id in ids] == sorted(position[task_id] for task_id in ids)
    assert [task["created_at"] for task in listed] == sorted(task["created_at"] for task in listed)
    assert alice.all() == listed


@promise("docs/api.md#promises", "Requests that race lose no update")
def test_of_concurrent_deletions_one_succeeds(alice: Tasks) -> None:
    task = alice.create()
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: alice.apart().delete(task["id"]).status_code, range(8)))
    assert sorted(statuses) == [200] + [404] * 7
