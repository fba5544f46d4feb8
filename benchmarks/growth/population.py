"""The tasks in the table at each size, made from their numbers."""

from bisect import bisect
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

from benchmarks.harness.api import TASKS_PER_USER, TaskKey

SMALLEST = 10_000

FIRST = datetime(2025, 1, 1, tzinfo=UTC)
INTERVAL = timedelta(seconds=3)  # between two tasks, so that ten million of them take a year

# Coprime to each number of users here: steps of this size reach every user once, in an order that looks random.
STRIDE = 7_368_787
# The bits after the time in an id are not random but follow from the task's number, scattered as random ones would be.
SCATTER = 0x9E3779B97F4A7C15
VERSION_AND_VARIANT = 7 << 76 | 2 << 62  # of a UUID version 7 (RFC 9562)
LAST_BITS = (1 << 62) - 1


class Population:
    """The tasks that exist at each size of the table. They are numbered in the order of their creation.

    With each size there are new users, who take turns in creating tasks. So all users have equally many tasks at every
    size, and the tasks of one user are spread over the table as if they were written down now and then.

    At the largest size there are lists of some other `lengths` too, each with a user of its own.
    """

    def __init__(self, largest: int, lengths: Sequence[int] = ()) -> None:
        self.sizes = [
            size for size in (SMALLEST * times for times in (1, 10, 100, 1_000, 10_000)) if size < largest
        ] + [largest]
        self._lengths = lengths

    def find_key(self, number: int) -> TaskKey:
        """Return the key of the task with that number."""
        start, end = self._find_range(bisect(self.sizes, number))
        return TaskKey(_owner(number, start, end), str(UUID(int=_task_id(number))))

    def lines(self, index: int) -> Iterator[str]:
        """Return the lines for `COPY` that let the table grow from the size before to the size of that index."""
        start, end = self._find_range(index)
        others = self._list_other_owners() if index == len(self.sizes) - 1 else []
        spread = (end - start) // (len(others) + 1)
        users = (end - start) // TASKS_PER_USER
        for number in range(start, end):
            yield _format_line(_owner(number, start, end), number, _task_id(number), (number - start) // users + 1)
            if others and number % spread == 0:
                # An id with the same time, and other bits after it.
                yield _format_line(others.pop(), number, _task_id(number) ^ 1, 1)

    def count_tasks(self, index: int) -> int:
        """Return how many tasks exist at the size of that index."""
        return self.sizes[index] + (sum(self._lengths) if index == len(self.sizes) - 1 else 0)

    def count_new_tasks(self, index: int) -> int:
        """Return how many lines there are for that index."""
        return self.count_tasks(index) - self._find_range(index)[0]

    def _find_range(self, index: int) -> tuple[int, int]:
        return ([0, *self.sizes])[index], self.sizes[index]

    def _list_other_owners(self) -> list[str]:
        """Return the owners of the lists of other lengths, each once for each of their tasks, in random order."""
        owners = [f"list-{length}" for length in self._lengths for _ in range(length)]
        return Random(0).sample(owners, len(owners))  # noqa: S311 -- the order must be the same every time.


def _owner(number: int, start: int, end: int) -> str:
    users = (end - start) // TASKS_PER_USER
    return f"user-{start // TASKS_PER_USER + (number - start) * STRIDE % users}"


def _task_id(number: int) -> int:
    """Return a UUID version 7 as a number."""
    milliseconds = int((FIRST + number * INTERVAL).timestamp() * 1000)
    return milliseconds << 80 | VERSION_AND_VARIANT | number * SCATTER & LAST_BITS


def _format_line(owner: str, number: int, task_id: int, nth: int) -> str:
    """Return the columns in the order of `benchmarks.growth.table.FIELDS`."""
    time = FIRST + number * INTERVAL
    completed = "t" if nth % 3 == 0 else "f"
    return f"{task_id:032x}\t{owner}\tTask number {nth}\tDescription of task {nth}\t{completed}\t{time}\t{time}\n"
