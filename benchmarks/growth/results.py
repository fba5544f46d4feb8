"""What was measured at each size of the table, and the figures that are reported of it."""

import json
import statistics
from dataclasses import dataclass
from pathlib import Path

from benchmarks.growth.plans import Plan
from benchmarks.harness.results import Results


@dataclass(frozen=True)
class TableSize:
    """How large the table is, in bytes."""

    tasks: int
    table: int
    index: int
    total: int  # with the maps of free space and of visibility, and what is stored out of line


@dataclass(frozen=True)
class Timing:
    """The median time of a request in one round, in µs: in the table that grows, and in the small one beside it."""

    operation: str
    round: int
    grown: float
    small: float


@dataclass(frozen=True)
class Step:
    """One size of the table."""

    tasks: int
    loading: float  # seconds, from the step before
    size: TableSize
    plans: list[Plan]
    timings: list[Timing]

    def select(self, operation: str) -> list[Timing]:
        """Return the timings of all rounds."""
        return [timing for timing in self.timings if timing.operation == operation]

    def median(self, operation: str) -> float:
        """Return the time of a request, in µs."""
        return statistics.median(timing.grown for timing in self.select(operation))

    def ratios(self, operation: str) -> list[float]:
        """Return, for each round, the time of a request divided by its time in the small table."""
        return [timing.grown / timing.small for timing in self.select(operation)]


@dataclass(frozen=True)
class Length:
    """The median time to list so many tasks in one round, in µs."""

    tasks: int
    round: int
    time: float


@dataclass(frozen=True)
class Memory:
    """The memory of each worker after so many requests, in bytes: resident, and resident and not shared."""

    requests: int
    errors: int
    rss: list[int]
    uss: list[int]


@dataclass(frozen=True)
class Start:
    """The time from a start to the first answer of `/health`, and to the first task, in seconds."""

    health: float
    task: float


@dataclass(frozen=True)
class GrowthResults(Results):
    """All that was measured."""

    steps: list[Step]
    lengths: list[Length]
    memory: list[Memory]
    starts: list[Start]
    imports: list[float]  # seconds

    @classmethod
    def load(cls, path: Path) -> "GrowthResults":
        """Read what `save` has written."""
        content = json.loads(path.read_text())
        steps = [
            Step(
                **step
                | {
                    "size": TableSize(**step["size"]),
                    "plans": [Plan(**plan) for plan in step["plans"]],
                    "timings": [Timing(**timing) for timing in step["timings"]],
                }
            )
            for step in content.pop("steps")
        ]
        return cls(
            steps=steps,
            lengths=[Length(**length) for length in content.pop("lengths")],
            memory=[Memory(**memory) for memory in content.pop("memory")],
            starts=[Start(**start) for start in content.pop("starts")],
            **content,
        )

    @property
    def operations(self) -> list[str]:
        """The operations, in their order."""
        return list(dict.fromkeys(timing.operation for timing in self.steps[0].timings))

    @property
    def largest(self) -> Step:
        """The last step."""
        return self.steps[-1]

    @property
    def faults(self) -> list[str]:
        """What is wrong with the plans at the largest size."""
        return [
            f"{plan.statement}, {plan.kind}: {'; '.join(plan.faults)}" for plan in self.largest.plans if plan.faults
        ]

    @property
    def times_of_lengths(self) -> dict[int, float]:
        """The median time of a list for each length, in µs."""
        lengths = dict.fromkeys(length.tasks for length in self.lengths)
        return {
            tasks: statistics.median(length.time for length in self.lengths if length.tasks == tasks)
            for tasks in lengths
        }

    @property
    def conditions(self) -> str:
        """A line on the machine."""
        return (
            f"{self.machine['cores']} cores, {self.machine['cpu']}, {self.machine['memory_gib']} GiB;"
            f" PostgreSQL {self.versions['PostgreSQL']} with a quarter of that as its cache,"
            f" Python {self.versions['Python']}; 2 workers, row security on; {self.date[:10]}"
        )
