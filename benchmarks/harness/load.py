"""The clients: wrk, which sends the requests of a file as fast as they are answered."""

import json
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.comparison.operations import Request
from benchmarks.harness.servers import Server

SCRIPT = Path(__file__).with_name("requests.lua")
TIMEOUT = 60  # seconds; to be slow is no error here, and the percentiles tell it.
MISSING = "wrk is missing: apt install wrk, or brew install wrk"


@dataclass(frozen=True)
class Load:
    """What wrk has counted. Times are in seconds; `errors` has statuses of 400 and more, and failures of sockets."""

    requests: int
    seconds: float
    p50: float
    p99: float
    errors: dict[str, int]


def is_installed() -> bool:
    """Tell whether wrk is there."""
    return shutil.which("wrk") is not None


def version() -> str:
    """Return wrk's version."""
    words = subprocess.run(["wrk", "-v"], check=False, capture_output=True, text=True).stdout.split()
    return words[1] if len(words) > 1 else "unknown"


def write_requests(path: Path, requests: Iterable[Request], server: Server) -> None:
    """Write the requests, with the tokens that this server wants."""
    with path.open("w") as file:
        file.writelines(request.line(server.token(request.user_id)) for request in requests)


def drive(url: str, requests: Path, connections: int, seconds: int) -> Load:
    """Send the requests of the file on that many connections for that long."""
    command = ["wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s", "--latency"]
    command += ["--timeout", f"{TIMEOUT}s", "--script", str(SCRIPT), url, "--", str(requests)]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    counted = json.loads(output.splitlines()[-1])
    return Load(
        requests=counted["requests"],
        seconds=counted["duration"] / 1e6,
        p50=counted["p50"] / 1e6,
        p99=counted["p99"] / 1e6,
        errors=counted["errors"],
    )
