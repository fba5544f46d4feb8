"""Load by wrk, which sends the requests of a file as fast as they are answered."""

import json
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness.api import Request, format_line
from benchmarks.harness.servers import Server

SCRIPT = Path(__file__).with_name("requests.lua")
TIMEOUT = 60  # seconds; a slow answer must show in the percentiles, not as an error


@dataclass(frozen=True)
class Load:
    """What wrk has counted.

    Times are in seconds; `errors` counts answers with a status of 400 or more, and failures of sockets.
    """

    requests: int
    seconds: float
    p50: float
    p99: float
    errors: dict[str, int]


def require_wrk() -> None:
    """Raise `SystemExit` where wrk is not installed."""
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is missing: apt install wrk, or brew install wrk")


def read_wrk_version() -> str:
    """Return the version of wrk."""
    words = subprocess.run(["wrk", "-v"], check=False, capture_output=True, text=True).stdout.split()
    return words[1] if len(words) > 1 else "unknown"


def write_requests(path: Path, requests: Iterable[Request], server: Server) -> None:
    """Write the requests to the file that `send_requests` reads, with the tokens that this server wants."""
    with path.open("w") as file:
        file.writelines(format_line(request, server.token(request.user_id)) for request in requests)


def send_requests(url: str, requests: Path, connections: int, seconds: int) -> Load:
    """Send the requests of the file, on that many connections for that long."""
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
