"""What was measured, on what, and the figures that are told of it."""

import json
import os
import platform
import re
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import distributions, version
from pathlib import Path
from typing import Any

import psutil

from benchmarks.harness import load
from benchmarks.harness.servers import CONNECTIONS, NODE_MODULES, OURS, PEERS_VENV, WORKERS, has_node

PACKAGES = ("Flask", "gunicorn", "psycopg2-binary", "orjson", "SQLAlchemy")
PEERS_PACKAGES = ("fastapi", "sqlmodel", "uvicorn", "asyncpg", "Django", "djangorestframework", "psycopg", "gunicorn")
NODE_PACKAGES = ("fastify", "pg")


@dataclass(frozen=True)
class Run:
    """One run of wrk against one server, in one round. Names tell the units; CPU is that of a thousand requests."""

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
class Measured:
    """What one has to know of whatever was measured."""

    date: str
    machine: dict[str, Any]
    versions: dict[str, Any]
    options: dict[str, Any]

    def save(self, path: Path) -> None:
        """Write everything, as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n")


@dataclass(frozen=True)
class Results(Measured):
    """All runs."""

    runs: list[Run]

    @classmethod
    def load(cls, path: Path) -> "Results":
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
    def usual(self) -> int:
        """The number of connections that is told first: the one that is nearest to a hundred."""
        return min(self.connections, key=lambda number: abs(number - 100))

    @property
    def conditions(self) -> str:
        """A line on the machine and the options."""
        machine, options = self.machine, self.options
        return (
            f"{machine['cores']} cores, {machine['cpu']}; PostgreSQL {self.versions['PostgreSQL']},"
            f" Python {self.versions['Python']}; {options['workers']} worker processes with"
            f" {options['database_connections']} connections to the database each;"
            f" {_plural(options['rounds'], 'round')} of {options['seconds']} s; {self.date[:10]}"
        )

    def of(self, operation: str, connections: int, server: str) -> list[Run]:
        """Return the runs of all rounds."""
        wanted = (operation, connections, server)
        return [run for run in self.runs if (run.operation, run.connections, run.server) == wanted]

    def values(self, figure: str, operation: str, connections: int, server: str) -> list[float]:
        """Return one of the figures of `Run` for all rounds."""
        return [getattr(run, figure) for run in self.of(operation, connections, server)]

    def median(self, figure: str, operation: str, connections: int, server: str) -> float:
        """Return the median of one of the figures of `Run`."""
        return statistics.median(self.values(figure, operation, connections, server))

    def ratios(self, operation: str, connections: int, server: str) -> list[float]:
        """Return, for each round, how many times as many requests as that server this service has answered."""
        ours, others = (
            self.values("requests_per_second", operation, connections, name) for name in (OURS.name, server)
        )
        return [one / other for one, other in zip(ours, others, strict=True)]

    def errors(self) -> list[Run]:
        """Return the runs in which something went wrong."""
        return [run for run in self.runs if any(run.errors.values())]


def results_of(runs: Sequence[Run], database_version: str, rounds: int, seconds: int) -> Results:
    """Return the results of these runs, on this machine, now."""
    return Results(
        **here_and_now(),
        versions=versions(database_version) | {"peers": _peers_versions()},
        options={"rounds": rounds, "seconds": seconds, "workers": WORKERS, "database_connections": CONNECTIONS},
        runs=list(runs),
    )


def here_and_now() -> dict[str, Any]:
    """Return the date, and what the machine is."""
    machine = {
        "cores": os.cpu_count(),
        "cpu": _cpu(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
    }
    return {"date": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine}


def versions(database_version: str) -> dict[str, Any]:
    """Return the versions of what this service consists of, and is driven by."""
    return {
        "Python": platform.python_version(),
        "PostgreSQL": database_version,
        "wrk": load.version(),
        "this service": {name: version(name) for name in PACKAGES},
    }


def _cpu() -> str:
    """Return the model of the processor, which Python knows on some systems only."""
    facts = Path("/proc/cpuinfo")
    models = re.findall(r"^model name\s*: (.+)$", facts.read_text(), re.MULTILINE) if facts.exists() else []
    return models[0] if models else platform.processor() or platform.machine()


def _peers_versions() -> dict[str, str]:
    site_packages = [str(path) for path in PEERS_VENV.glob("lib/python*/site-packages")]
    peers = {found.name: found.version for found in distributions(path=site_packages)}
    return {name: peers[name] for name in PEERS_PACKAGES} | (_node_versions() if has_node() else {})


def _node_versions() -> dict[str, str]:
    return {name: json.loads((NODE_MODULES / name / "package.json").read_text())["version"] for name in NODE_PACKAGES}


def _plural(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
