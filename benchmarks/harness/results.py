"""What is recorded with the figures of every measurement: when, on which machine, with which versions and options."""

import json
import os
import platform
import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from benchmarks.harness.load import read_wrk_version

PACKAGES = ("Flask", "gunicorn", "psycopg2-binary", "orjson", "SQLAlchemy")


@dataclass(frozen=True)
class Results:
    """The circumstances of a measurement; each measurement adds its figures."""

    date: str
    machine: dict[str, Any]
    versions: dict[str, Any]
    options: dict[str, Any]

    def save(self, path: Path) -> None:
        """Write everything as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n")


def describe_circumstances(database_version: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of `Results` for this machine, now."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "cores": os.cpu_count(),
            "cpu": _read_cpu_model(),
            "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
            "system": f"{platform.system()} {platform.machine()}",
        },
        "versions": {
            "Python": platform.python_version(),
            "PostgreSQL": database_version,
            "wrk": read_wrk_version(),
            "this service": {name: version(name) for name in PACKAGES},
        },
        "options": options,
    }


def _read_cpu_model() -> str:
    """Return the model of the processor; Linux tells it in a file only."""
    facts = Path("/proc/cpuinfo")
    models = re.findall(r"^model name\s*: (.+)$", facts.read_text(), re.MULTILINE) if facts.exists() else []
    return models[0] if models else platform.processor() or platform.machine()
