"""The operations that are measured, on random tasks of a growing table."""

from collections.abc import Callable, Iterator
from random import Random

from benchmarks.growth.table import GrowingTable
from benchmarks.harness import api
from benchmarks.harness.api import MIX, Request, TaskKey

# Every fifth task is there to be deleted, and no other operation uses it. Each round of timings creates as many tasks
# as it deletes, so lists keep their length.
DELETABLE = 5
CREATED = 101  # the number in the title of a task that is created


class RandomTasks:
    """Chooses tasks of a table at random, the same ones in every run."""

    def __init__(self, table: GrowingTable) -> None:
        self._random = Random(0)  # noqa: S311 -- the order must be the same every time.
        self._table = table
        self._deleted: set[int] = set()

    def choose(self) -> TaskKey:
        """Return a task that is never deleted."""
        number = self._random.randrange(self._table.size)
        while number % DELETABLE == 0:
            number = self._random.randrange(self._table.size)
        return self._table.population.find_key(number)

    def choose_deletable(self) -> TaskKey:
        """Return a task that is there to be deleted, another one each time."""
        number = self._random.randrange(0, self._table.size, DELETABLE)
        while number in self._deleted:
            number = self._random.randrange(0, self._table.size, DELETABLE)
        self._deleted.add(number)
        return self._table.population.find_key(number)

    def mix(self) -> Iterator[Request]:
        """Mix the operations in an order that is random, and the same every time."""
        operations = [OPERATIONS[name] for name in MIX]
        while True:
            yield self._random.choices(operations, [*MIX.values()])[0](self)


OPERATIONS: dict[str, Callable[[RandomTasks], Request]] = {
    "read one": lambda tasks: api.get_task(tasks.choose()),
    "list 100": lambda tasks: api.list_tasks(tasks.choose().user_id),
    "create": lambda tasks: api.create_task(tasks.choose().user_id, CREATED),
    "update": lambda tasks: api.update_task(tasks.choose(), "Changed", completed=True),
    "toggle": lambda tasks: api.toggle_task(tasks.choose()),
    "delete": lambda tasks: api.delete_task(tasks.choose_deletable()),
}
