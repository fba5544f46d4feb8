"""What was measured: the runs of wrk, and the figures that are reported of them."""

import json
import statistics
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness.results import Results
from benchmarks.harness.servers import OURS


@dataclass(frozen=True)
class Run:
    """One run of wrk against one server, in one round. The CPU time is that of a thousand requests."""

    round: int
    operation: str
    server: str
    connections: int
    requests: int
    seconds: float
    requests_per_second: float
    p50_ms: float
    p99_ms: float
    errors: dict[str, int]
    cpu_seconds: float
    database_cpu_seconds: float


@dataclass(frozen=True)
class ComparisonResults(Results):
    """All runs."""

    runs: list[Run]

    @classmethod
    def load(cls, path: Path) -> "ComparisonResults":
        """Read what `save` has written."""
        content = json.loads(path.read_text())
        return cls(**content | {"runs": [Run(**run) for run in content["runs"]]})

    @property
    def operations(self) -> list[str]:
        """The operations, in their order."""
        return list(dict.fromkeys(run.operation for run in self.runs))

    @property
    def servers(self) -> list[str]:
        """The servers, in their order."""
        return list(dict.fromkeys(run.server for run in self.runs))

    @property
    def connections(self) -> list[int]:
        """The numbers of connections, in their order."""
        return list(dict.fromkeys(run.connections for run in self.runs))

    @property
    def usual_connections(self) -> int:
        """The number of connections that is reported first: the nearest to a hundred."""
        return min(self.connections, key=lambda number: abs(number - 100))

    @property
    def conditions(self) -> str:
        """A line on the machine and the options."""
        machine, options = self.machine, self.options
        return (
            f"{machine['cores']} cores, {machine['cpu']}; PostgreSQL {self.versions['PostgreSQL']},"
            f" Python {self.versions['Python']}; {options['workers']} worker processes with"
            f" {options['database_connections']} connections to the database each;"
            f" {_count(options['rounds'], 'round')} of {options['seconds']} s; {self.date[:10]}"
        )

    def select(self, operation: str, connections: int, server: str) -> list[Run]:
        """Return the runs of all rounds."""
        wanted = (operation, connections, server)
        return [run for run in self.runs if (run.operation, run.connections, run.server) == wanted]

    def values(self, figure: str, operation: str, connections: int, server: str) -> list[float]:
        """Return one of the figures of `Run` for all rounds."""
        return [getattr(run, figure) for run in self.select(operation, connections, server)]

    def median(self, figure: str, operation: str, connections: int, server: str) -> float:
        """Return the median of one of the figures of `Run`."""
        return statistics.median(self.values(figure, operation, connections, server))

    def ratios(self, operation: str, connections: int, server: str) -> list[float]:
        """Return, for each round, the requests per second of this service divided by those of that server."""
        ours, others = (
            self.values("requests_per_second", operation, connections, name) for name in (OURS.name, server)
        )
        return [one / other for one, other in zip(ours, others, strict=True)]

    def runs_with_errors(self) -> list[Run]:
        """Return the runs in which there were errors."""
        return [run for run in self.runs if any(run.errors.values())]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
