"""Any sequence of requests of two users, against a model that fits on one screen."""

from typing import Any
from uuid import uuid4

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule, run_state_machine_as_test

from tests.support.client import Client
from tests.support.promises import promise

pytestmark = pytest.mark.part1

# What can be stored, and JSON can say: no NUL, no surrogates. Whether the others are white space, languages disagree.
text = st.text(st.characters(exclude_characters="\0\x1c\x1d\x1e\x1f\ufeff", exclude_categories=["Cs"]))
titles = text.filter(str.strip)
descriptions = st.none() | text
changes = st.fixed_dictionaries({}, optional={"title": titles, "description": descriptions, "completed": st.booleans()})
names = st.sampled_from(["alice", "bob"])


class TwoUsers(RuleBasedStateMachine):
    """The service keeps what a dictionary for each user keeps."""

    client: Client

    tasks = Bundle("tasks")

    def __init__(self) -> None:
        super().__init__()
        self.users = {name: self.client.of(f"{name}-{uuid4()}") for name in ("alice", "bob")}
        self.expected: dict[str, dict[str, dict[str, Any]]] = {"alice": {}, "bob": {}}

    @rule(target=tasks, owner=names, title=titles, rest=changes)
    def create(self, owner: str, title: str, rest: dict[str, Any]) -> tuple[str, str]:
        response = self.users[owner].post({**rest, "title": title})
        assert response.status_code == 201
        task = response.json()
        sent = {"description": None, "completed": False, **rest, "title": title.strip()}
        assert {name: task[name] for name in sent} == sent
        self.expected[owner][task["id"]] = task
        return owner, task["id"]

    @rule(task=tasks, changes=changes)
    def change(self, task: tuple[str, str], changes: dict[str, Any]) -> None:
        owner, task_id = task
        answer = self.users[owner].put(task_id, changes).json()
        before = self.expected[owner][task_id]
        if "title" in changes:
            changes = {**changes, "title": changes["title"].strip()}
        assert answer == {**before, **changes, "updated_at": answer["updated_at"]}
        assert (answer["updated_at"] > before["updated_at"]) == bool(changes)
        self.expected[owner][task_id] = answer

    @rule(task=tasks, completed=st.none() | st.booleans())
    def complete(self, task: tuple[str, str], completed: bool | None) -> None:
        owner, task_id = task
        before = self.expected[owner][task_id]
        body = {} if completed is None else {"json": {"completed": completed}}
        answer = self.users[owner].complete(task_id, **body).json()
        expected = not before["completed"] if completed is None else completed
        assert answer == {**before, "completed": expected, "updated_at": answer["updated_at"]}
        self.expected[owner][task_id] = answer

    @rule(task=consumes(tasks))
    def delete(self, task: tuple[str, str]) -> None:
        owner, task_id = task
        assert self.users[owner].delete(task_id).status_code == 200
        del self.expected[owner][task_id]
        assert self.users[owner].get(task_id).status_code == 404

    @rule(task=tasks, changes=changes)
    def meddle(self, task: tuple[str, str], changes: dict[str, Any]) -> None:
        owner, task_id = task
        stranger = self.users["bob" if owner == "alice" else "alice"]
        answers = (
            stranger.get(task_id),
            stranger.put(task_id, changes),
            stranger.complete(task_id),
            stranger.delete(task_id),
        )
        assert [answer.status_code for answer in answers] == [404] * 4

    @rule(owner=names)
    def send_nonsense(self, owner: str) -> None:
        assert self.users[owner].post({"title": " "}).status_code == 422

    @invariant()
    def each_user_has_what_is_expected_in_the_order_of_creation(self) -> None:
        for name, expected in self.expected.items():
            assert self.users[name].all() == list(expected.values())


@promise("docs/api.md#ownership", "Every request is about the tasks of the one user in its path.")
def test_the_service_behaves_as_the_model(client: Client) -> None:
    machine = type("TwoUsersHere", (TwoUsers,), {"client": client})
    run_state_machine_as_test(machine, settings=settings(max_examples=25, stateful_step_count=30))
