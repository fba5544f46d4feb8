"""What the clients ask for: endless sequences of requests, the same ones in the same order for every server."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count, cycle
from random import Random
from typing import Any, NamedTuple

from benchmarks.comparison.seed import THOUSAND, USERS, Content


class Request(NamedTuple):
    """One request of one user."""

    user_id: str
    method: str
    path: str = ""  # below /api/{user_id}/tasks
    body: dict[str, Any] | None = None

    def line(self, token: str) -> str:
        """Return it as `requests.lua` reads it."""
        body = "" if self.body is None else json.dumps(self.body)
        return f"{self.method}\t/api/{self.user_id}/tasks{self.path}\t{token}\t{body}\n"


def read_one(content: Content, random: Random) -> Iterator[Request]:
    """Read one task, each of another user."""
    for user_id, task_id in _shuffled(content, random):
        yield Request(user_id, "GET", f"/{task_id}")


def list_100(_content: Content, random: Random) -> Iterator[Request]:
    """List the hundred tasks of a user."""
    for number in cycle(random.sample(range(USERS), USERS)):
        yield Request(f"user-{number}", "GET")


def list_1000(_content: Content, _random: Random) -> Iterator[Request]:
    """List the thousand tasks of the one user who has so many."""
    while True:
        yield Request(THOUSAND, "GET")


def create(_content: Content, _random: Random) -> Iterator[Request]:
    """Create tasks, for users of their own: the lists of the others stay as long as they are."""
    for number in count(1):
        body = {"title": f"Task number {number}", "description": f"Description of task {number}"}
        yield Request(f"creator-{number % USERS}", "POST", "", body)


def update(content: Content, random: Random) -> Iterator[Request]:
    """Change the title and the state of a task."""
    for number, (user_id, task_id) in enumerate(_shuffled(content, random)):
        yield Request(user_id, "PUT", f"/{task_id}", {"title": f"Changed {number}", "completed": number % 2 == 0})


def toggle(content: Content, random: Random) -> Iterator[Request]:
    """Flip a task."""
    for user_id, task_id in _shuffled(content, random):
        yield Request(user_id, "PATCH", f"/{task_id}/complete")


def delete(content: Content, random: Random) -> Iterator[Request]:
    """Delete the tasks that are there for it, each once."""
    for user_id, task_id in random.sample(content.deletable, len(content.deletable)):
        yield Request(user_id, "DELETE", f"/{task_id}")


# In a hundred requests of the mix, on average: 80 reads, 20 writes.
MIX = {read_one: 70, list_100: 10, create: 8, update: 6, toggle: 4, delete: 2}


def mix(content: Content, random: Random) -> Iterator[Request]:
    """Do all of it, in an order that is random and yet always the same."""
    sequences = [requests(content, random) for requests in MIX]
    while True:
        yield next(random.choices(sequences, [*MIX.values()])[0])


def _shuffled(content: Content, random: Random) -> Iterator[tuple[str, str]]:
    return cycle(random.sample(content.tasks, len(content.tasks)))


@dataclass(frozen=True)
class Operation:
    """One of the things that are measured."""

    key: str
    name: str
    sequence: Callable[[Content, Random], Iterator[Request]]
    deletes: float = 0  # Which part of the requests needs a task to delete, at most.

    def requests(self, content: Content) -> Iterator[Request]:
        """Return its requests, from the first."""
        return self.sequence(content, Random(self.key))  # noqa: S311 -- it has to be the same every time.


OPERATIONS = (
    Operation("read-one", "read one", read_one),
    Operation("list-100", "list 100", list_100),
    Operation("list-1000", "list 1,000", list_1000),
    Operation("create", "create", create),
    Operation("update", "update", update),
    Operation("toggle", "toggle", toggle),
    Operation("delete", "delete", delete, deletes=1),
    Operation("mix", "mix", mix, deletes=0.04),
)
