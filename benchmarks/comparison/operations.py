"""The operations that are measured: endless sequences of requests, the same in the same order for every server."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count, cycle
from random import Random

from benchmarks.comparison.seed import THOUSAND, USERS, Content
from benchmarks.harness import api
from benchmarks.harness.api import MIX, Request, TaskKey


def read_one(content: Content, random: Random) -> Iterator[Request]:
    """Read one task, each time that of another user."""
    for key in _shuffle(content, random):
        yield api.get_task(key)


def list_100(_content: Content, random: Random) -> Iterator[Request]:
    """List the hundred tasks of a user."""
    for number in cycle(random.sample(range(USERS), USERS)):
        yield api.list_tasks(f"user-{number}")


def list_1000(_content: Content, _random: Random) -> Iterator[Request]:
    """List the tasks of the user who has a thousand."""
    while True:
        yield api.list_tasks(THOUSAND)


def create(_content: Content, _random: Random) -> Iterator[Request]:
    """Create tasks, for users whose lists are never read: the lists that are read keep their length."""
    for number in count(1):
        yield api.create_task(f"creator-{number % USERS}", number)


def update(content: Content, random: Random) -> Iterator[Request]:
    """Change the title and the state of a task."""
    for number, key in enumerate(_shuffle(content, random)):
        yield api.update_task(key, f"Changed {number}", completed=number % 2 == 0)


def toggle(content: Content, random: Random) -> Iterator[Request]:
    """Flip the state of a task."""
    for key in _shuffle(content, random):
        yield api.toggle_task(key)


def delete(content: Content, random: Random) -> Iterator[Request]:
    """Delete each of the tasks that are there to be deleted."""
    for key in random.sample(content.deletable, len(content.deletable)):
        yield api.delete_task(key)


def mix(content: Content, random: Random) -> Iterator[Request]:
    """Mix the other operations in an order that is random, and the same every time."""
    sequences = {operation.name: operation.sequence for operation in OPERATIONS}
    mixed = [sequences[name](content, random) for name in MIX]
    while True:
        yield next(random.choices(mixed, [*MIX.values()])[0])


def _shuffle(content: Content, random: Random) -> Iterator[TaskKey]:
    return cycle(random.sample(content.tasks, len(content.tasks)))


@dataclass(frozen=True)
class Operation:
    """An operation that is measured."""

    key: str
    name: str
    sequence: Callable[[Content, Random], Iterator[Request]]
    deletes: float = 0  # the share of requests that delete a task, at most

    def requests(self, content: Content) -> Iterator[Request]:
        """Return its requests, from the first."""
        return self.sequence(content, Random(self.key))  # noqa: S311 -- the order must be the same every time.


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
