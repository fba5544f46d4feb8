"""The example of a client that works offline, against the real service: it ends with what the service has."""

import importlib.util
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests
from flask import Flask

from tests.support.client import Client, Tasks
from tests.support.issuer import claims, token
from tests.support.lossy import losing
from tests.support.project import ROOT
from tests.support.service import Service
from tests.support.stack import free_port

Replica = Any  # docs/examples is no package, so mypy checks the example by itself
Replicas = Callable[..., Replica]


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module of the example."""
    spec = importlib.util.spec_from_file_location("offline_client", ROOT / "docs" / "examples" / "offline_client.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def replica(example: Any, alice: Tasks, tmp_path: Path) -> Replicas:
    """A function that starts the example, on the file of that name; on one that is there, it is a restart."""

    def start(name: str = "alice", url: str = alice.client.url, **others: Any) -> Replica:
        return example.OfflineTasks(str(tmp_path / f"{name}.db"), url, alice.user_id, **others)

    return start


def assert_synchronized(replica: Replica, alice: Tasks) -> None:
    """Assert that a replica has what the service has, and that nothing waits."""
    assert replica.outbox() == []
    there = alice.client.get(f"{alice.path}?view=full").json()
    assert list(replica.tasks().values()) == there


def test_edits_made_offline_arrive_once_the_service_is_there(replica: Replicas, alice: Tasks) -> None:
    nowhere = replica(url="http://127.0.0.1:9")
    milk = nowhere.add(" Buy milk ", due_date="2026-03-01", tags=["home"])
    nowhere.change(milk, priority="high")
    nowhere.delete(nowhere.add("Never mind"))
    with pytest.raises(requests.ConnectionError):
        nowhere.synchronize()
    assert [task["title"] for task in nowhere.tasks().values()] == ["Buy milk"]
    again = replica()
    again.synchronize()
    assert_synchronized(again, alice)
    (task,) = again.tasks().values()
    assert (task["title"], task["due_date"], task["priority"]) == ("Buy milk", "2026-03-01", "high")


@pytest.mark.parametrize("lost", ["POST", "PUT", "DELETE"])
def test_a_lost_answer_repeats_nothing(replica: Replicas, alice: Tasks, lost: str) -> None:
    with losing(alice.client.url) as proxy:
        mine = replica(url=proxy.url)
        kept, gone = mine.add("Kept"), mine.add("Gone")
        if lost != "POST":
            mine.synchronize()
            gone, kept = sorted(mine.tasks(), key=lambda task_id: mine.tasks()[task_id]["title"])
        mine.change(kept, title="Changed")
        mine.delete(gone)
        proxy.to_lose.add(lost)
        with pytest.raises(requests.ConnectionError):
            mine.synchronize()
        assert proxy.to_lose == set()
        key = mine.outbox()[0].key
        restarted = replica(url=proxy.url)
        assert restarted.outbox()[0].key == key
        restarted.synchronize()
    assert [task["title"] for task in alice.all()] == ["Changed"]
    assert_synchronized(restarted, alice)


def test_a_creation_whose_answer_was_lost_stays_deleted_elsewhere(replica: Replicas, alice: Tasks) -> None:
    with losing(alice.client.url) as proxy:
        mine = replica(url=proxy.url)
        mine.add("Buy milk")
        proxy.to_lose.add("POST")
        with pytest.raises(requests.ConnectionError):
            mine.synchronize()
        alice.delete(alice.all()[0]["id"])
        mine.synchronize()
    assert_synchronized(mine, alice)
    assert mine.tasks() == {}


def test_a_service_that_is_busy_is_asked_again(replica: Replicas, alice: Tasks) -> None:
    with losing(alice.client.url) as proxy:
        mine = replica(url=proxy.url)
        mine.add("Buy milk")
        proxy.busy = 3
        mine.synchronize()
        assert [method for method, _ in proxy.asked] == ["POST"] * 4 + ["GET"]
        assert_synchronized(mine, alice)
        proxy.busy = 100
        with pytest.raises(requests.HTTPError):
            mine.synchronize()


def two_that_agree(replica: Replicas) -> tuple[Replica, Replica, str]:
    """Return two replicas that have the same task, and its id."""
    mine, theirs = replica("mine"), replica("theirs")
    mine.add("Buy milk", description="Two litres")
    mine.synchronize()
    theirs.synchronize()
    (task_id,) = theirs.tasks()
    return mine, theirs, task_id


def test_changes_of_different_fields_are_merged(replica: Replicas, alice: Tasks) -> None:
    mine, theirs, task_id = two_that_agree(replica)
    theirs.change(task_id, title="Buy oat milk")
    mine.change(task_id, description="Three litres")
    mine.change(task_id, completed=True)
    theirs.synchronize()
    mine.synchronize()
    assert mine.tasks()[task_id]["title"] == "Buy oat milk"
    assert mine.tasks()[task_id]["description"] == "Three litres"
    for each in (mine, theirs):
        each.synchronize()
        assert_synchronized(each, alice)


@pytest.mark.parametrize(("keep_mine", "left"), [(True, "Mine"), (False, "Theirs")])
def test_a_conflict_shows_both_until_the_user_decides(
    replica: Replicas, alice: Tasks, keep_mine: bool, left: str
) -> None:
    mine, theirs, task_id = two_that_agree(replica)
    theirs.change(task_id, title="Theirs")
    theirs.synchronize()
    mine.change(task_id, title="Mine")
    mine.synchronize()
    mine.synchronize()
    ((edit, copy),) = mine.conflicts()
    assert (edit.problem, edit.changes, copy["title"]) == ("changed elsewhere: title", {"title": "Mine"}, "Theirs")
    assert mine.tasks()[task_id]["title"] == "Mine"
    assert alice.all()[0]["title"] == "Theirs"
    mine.resolve(edit, keep_mine=keep_mine)
    mine.synchronize()
    assert mine.tasks()[task_id]["title"] == left
    assert_synchronized(mine, alice)


@pytest.mark.parametrize("keep_mine", [True, False])
def test_a_change_of_a_task_that_was_deleted_elsewhere_is_not_lost(
    replica: Replicas, alice: Tasks, keep_mine: bool
) -> None:
    mine, theirs, task_id = two_that_agree(replica)
    theirs.delete(task_id)
    theirs.synchronize()
    mine.change(task_id, title="Mine")
    mine.synchronize()
    ((edit, copy),) = mine.conflicts()
    assert (edit.problem, copy) == ("deleted elsewhere", None)
    mine.resolve(edit, keep_mine=keep_mine)
    mine.synchronize()
    assert_synchronized(mine, alice)
    kept = [(task["title"], task["description"]) for task in alice.all()]
    assert kept == ([("Mine", "Two litres")] if keep_mine else [])


def test_a_task_that_changed_elsewhere_is_not_deleted(replica: Replicas, alice: Tasks) -> None:
    mine, theirs, task_id = two_that_agree(replica)
    theirs.change(task_id, title="Theirs")
    theirs.synchronize()
    mine.delete(task_id)
    mine.synchronize()
    ((edit, copy),) = mine.conflicts()
    assert (edit.kind, copy["title"]) == ("delete", "Theirs")
    mine.resolve(edit, keep_mine=True)
    mine.synchronize()
    assert alice.all() == []
    assert_synchronized(mine, alice)


def test_what_the_service_refuses_is_shown_and_holds_up_nothing_else(replica: Replicas, alice: Tasks) -> None:
    mine = replica()
    refused = mine.add("x" * 501)
    mine.change(refused, priority="low")
    mine.add("Buy milk")
    mine.synchronize()
    assert [task["title"] for task in alice.all()] == ["Buy milk"]
    ((edit, copy),) = mine.conflicts()
    assert "at most 500 characters" in edit.problem
    assert copy is None


def test_pages_of_changes_are_followed_to_the_end(
    example: Any, replica: Replicas, alice: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(example, "PAGE", 2)
    made = [alice.create(str(number))["id"] for number in range(7)]
    mine = replica()
    mine.synchronize()
    assert_synchronized(mine, alice)
    for task_id in made[:5]:
        alice.delete(task_id)
    mine.synchronize()
    assert_synchronized(mine, alice)


def test_a_token_that_expired_starts_anew_and_keeps_the_outbox(replica: Replicas, alice: Tasks) -> None:
    mine, theirs, task_id = two_that_agree(replica)
    erased = alice.client.request("DELETE", f"/api/{alice.user_id}", headers={"If-Match": "*"})
    if erased.status_code in (404, 405):
        pytest.skip("the data of a user can't be erased")
    assert erased.status_code == 200
    theirs.add("After")
    mine.change(task_id, title="Mine")
    for each in (mine, theirs, mine):
        each.synchronize()
    ((edit, copy),) = mine.conflicts()
    assert (edit.problem, copy, edit.changes) == ("deleted elsewhere", None, {"title": "Mine"})
    mine.resolve(edit, keep_mine=False)
    assert_synchronized(mine, alice)
    assert [task["title"] for task in alice.all()] == ["After"]


def test_two_replicas_agree_after_the_service_was_killed(
    app: Flask, replica: Replicas, alice: Tasks, tmp_path: Path
) -> None:
    settings = {"DATABASE_URL": app.config["DATABASE_URL"], "port": free_port()}
    service = Service(tmp_path / "first", **settings)
    url = service.url()
    laptop, phone = replica("laptop", url), replica("phone", url)
    for number in range(5):
        laptop.add(f"Laptop {number}")
        phone.add(f"Phone {number}")
    laptop.synchronize()
    phone.synchronize()
    service.stop(signal.SIGKILL)
    for each, title in ((laptop, "from the laptop"), (phone, "from the phone")):
        first, second, *_ = each.tasks()
        each.change(first, description=title)
        each.delete(second)
        each.add(f"Offline {title}")
        with pytest.raises(requests.ConnectionError):
            each.synchronize()
    service = Service(tmp_path / "second", **settings)
    service.url()
    for each in (laptop, phone, laptop, phone, laptop):
        each.synchronize()
        for edit, _ in each.conflicts():
            each.resolve(edit, keep_mine=True)
    assert_synchronized(laptop, alice)
    assert_synchronized(phone, alice)
    service.stop()


def test_a_token_of_another_user_or_none_keeps_the_edits(locked: Client, example: Any, tmp_path: Path) -> None:
    user_id = f"alice é {uuid4()}"
    mine = example.OfflineTasks(str(tmp_path / "alice.db"), locked.url, user_id)
    mine.add("Buy milk")
    with pytest.raises(requests.HTTPError):
        mine.synchronize()
    assert [edit.problem for edit in mine.outbox()] == [None]
    mine = example.OfflineTasks(str(tmp_path / "alice.db"), locked.url, user_id, token(claims(user_id)))
    mine.synchronize()
    assert mine.outbox() == []
    assert [task["title"] for task in mine.tasks().values()] == ["Buy milk"]
