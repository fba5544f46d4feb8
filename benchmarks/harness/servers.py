"""The servers that are measured: how each is started, watched and stopped."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import jwt
import psutil
import requests

from app.database.embedded import ROLE, SUPERUSER
from benchmarks.harness.database import Database
from benchmarks.harness.processes import list_processes, read_cpu_seconds
from tests.support.client import Client
from tests.support.project import ROOT, environment
from tests.support.waiting import wait_for

WORKERS = 2
CONNECTIONS = 4  # from each worker to the database; a worker with threads has as many of them
TIMEOUT = 15  # seconds, for the first answer and for stopping
PYTHON = sys.executable


@dataclass(frozen=True)
class Server:
    """A server, and the command that starts it. `{port}` in the command stands for the port."""

    key: str
    name: str
    command: tuple[str, ...]
    directory: Path
    role: str = SUPERUSER  # Row security does not apply to a superuser.
    settings: Mapping[str, str] = field(default_factory=dict)
    validates: bool = True  # whether it answers invalid bodies with 422

    def token(self, user_id: str) -> str:
        """Return the bearer token of that user, empty where the server wants none."""
        secret = self.settings.get("JWT_SECRET")
        return _sign_token(user_id, secret) if secret else ""


OURS = Server("ours", "this service", (PYTHON, "-m", "gunicorn", "wsgi:app"), ROOT, ROLE)
OURS_WITH_JWT = Server(
    *("jwt", "this service, JWT", OURS.command, ROOT, ROLE),
    settings={"AUTH_MODE": "secret", "JWT_SECRET": secrets.token_hex(32)},
)


@cache
def _sign_token(user_id: str, secret: str) -> str:
    return jwt.encode({"sub": user_id, "exp": int(time.time()) + 24 * 60 * 60}, secret, "HS256")


class RunningServer:
    """A server that was started, and a client of it."""

    def __init__(self, server: Server, process: subprocess.Popen[bytes], url: str, log: Path) -> None:
        self.server = server
        self.process = process
        self.url = url
        self.client = Client(url, server.settings.get("JWT_SECRET"))
        self._log = log

    def cpu_seconds(self) -> float:
        """Return the CPU time that its processes have used so far."""
        return read_cpu_seconds(self.process.pid)

    def workers(self) -> list[psutil.Process]:
        """Wait until gunicorn has started its workers, and return them."""
        master = psutil.Process(self.process.pid)
        wait_for(lambda: len(master.children()) == WORKERS)
        return master.children()

    def answers(self) -> bool:
        """Tell whether it answers requests yet. Raises `SystemExit` where it has ended."""
        if self.process.poll() is not None:
            log = self._log.read_text(errors="replace")
            raise SystemExit(f"{self.server.name} has ended with status {self.process.returncode}:\n{log}")
        with suppress(requests.ConnectionError):
            return requests.get(f"{self.url}/api/nobody/tasks", timeout=TIMEOUT).status_code < 500
        return False

    def stop(self) -> None:
        """Stop all of its processes, and wait until they have ended."""
        # A worker that stops would wait for the next request on an open connection.
        self.client.session.close()
        processes = list_processes(self.process.pid)
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(TIMEOUT)
        # Workers may outlive the process that started them.
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        psutil.wait_procs(processes, TIMEOUT)


@contextmanager
def run_server(server: Server, database: Database, log: Path = Path(os.devnull)) -> Iterator[RunningServer]:
    """Run the server for the duration of the block, which begins once it answers requests."""
    port = _find_free_port()
    settings = {
        "DATABASE_URL": database.url(server.role),
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "WEB_CONCURRENCY": str(WORKERS),  # This service reads these two,
        "THREADS": str(CONNECTIONS),
        "WORKERS": str(WORKERS),  # and its peers read these two.
        "POOL": str(CONNECTIONS),
        "PYTHONDONTWRITEBYTECODE": "1",
        **server.settings,
    }
    with log.open("wb") as file:
        process = subprocess.Popen(
            [part.format(port=port) for part in server.command],
            cwd=server.directory,
            env=environment(**settings),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C must reach the measurement only, which then stops the server.
        )
    running = RunningServer(server, process, f"http://127.0.0.1:{port}", log)
    try:
        wait_for(running.answers)
        yield running
    finally:
        running.stop()


def _find_free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
