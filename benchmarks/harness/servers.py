"""The servers that are compared: how each is started, watched and ended."""

import os
import secrets
import shutil
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
from benchmarks.comparison.seed import Database
from tests.service import ROOT, environment, wait_for

PEERS = Path(__file__).parents[1] / "peers"
PEERS_VENV = PEERS / ".venv"
NODE_MODULES = PEERS / "fastify_pg" / "node_modules"
WORKERS = 2
CONNECTIONS = 4  # that each worker has to the database, and as many threads where it has any
STOP_TIMEOUT = 15  # seconds
JWT_SECRET = secrets.token_hex(32)

PYTHON = sys.executable
PEERS_PYTHON = str(PEERS_VENV / "bin" / "python")
UVICORN = (
    *("-m", "uvicorn", "main:app", "--host", "127.0.0.1", "--port", "{port}"),
    *("--workers", str(WORKERS), "--no-access-log"),
)


def _gunicorn(worker_class: str) -> tuple[str, ...]:
    return (
        *("-m", "gunicorn", "--bind", "127.0.0.1:{port}", "--workers", str(WORKERS), "--threads", str(CONNECTIONS)),
        *("--worker-class", worker_class, "--keep-alive", "75", "--no-control-socket", "wsgi:application"),
    )


@dataclass(frozen=True)
class Server:
    """One of the servers, and the command that starts it."""

    key: str
    name: str
    command: tuple[str, ...]
    directory: Path
    role: str = SUPERUSER  # which row security does not bind
    settings: Mapping[str, str] = field(default_factory=dict)
    wants_tokens: bool = False
    validates: bool = True

    def token(self, user_id: str) -> str:
        """Return the bearer token of that user, which is empty where none is looked at."""
        return _token(user_id) if self.wants_tokens else ""


OURS = Server("ours", "this service", (PYTHON, "-m", "gunicorn", "wsgi:app"), ROOT, ROLE)
OURS_WITH_JWT = Server(
    *("jwt", "this service, JWT", OURS.command, ROOT, ROLE),
    settings={"AUTH_MODE": "secret", "JWT_SECRET": JWT_SECRET},
    wants_tokens=True,
)
FASTAPI = Server("fastapi", "FastAPI + SQLModel", (PEERS_PYTHON, *UVICORN), PEERS / "fastapi_sqlmodel")
DJANGO = Server("django", "Django REST framework", (PEERS_PYTHON, *_gunicorn("gthread")), PEERS / "django_rest")
FASTIFY = Server("fastify", "Fastify + pg", ("node", "server.js"), PEERS / "fastify_pg")
LIMIT = Server(
    *("limit", "the limit", (PYTHON, *_gunicorn("app.server.worker.Worker")), PEERS / "limit"),
    settings={"PYTHONPATH": str(ROOT)},
    validates=False,
)
LIMIT_ON_GTHREAD = Server(
    *("gthread", "the limit, gthread", (PYTHON, *_gunicorn("gthread")), PEERS / "limit"), validates=False
)
SERVERS = (OURS, OURS_WITH_JWT, FASTAPI, DJANGO, FASTIFY, LIMIT, LIMIT_ON_GTHREAD)


@cache
def _token(user_id: str) -> str:
    return jwt.encode({"sub": user_id, "exp": int(time.time()) + 24 * 60 * 60}, JWT_SECRET, "HS256")


def has_node() -> bool:
    """Tell whether the servers that need Node.js can run here."""
    return shutil.which("node") is not None and NODE_MODULES.exists()


class Running:
    """A server that runs."""

    def __init__(self, server: Server, process: subprocess.Popen[bytes], url: str, log: Path) -> None:
        self.server = server
        self.process = process
        self.url = url
        self._log = log

    def cpu_seconds(self) -> float:
        """Return the time that its processes have spent on processors so far."""
        return cpu_seconds(self.process.pid)

    def answers(self) -> bool:
        """Tell whether it answers already. Raises `SystemExit` once it has ended."""
        if self.process.poll() is not None:
            log = self._log.read_text(errors="replace")
            raise SystemExit(f"{self.server.name} has ended with status {self.process.returncode}:\n{log}")
        with suppress(requests.ConnectionError):
            return requests.get(f"{self.url}/api/nobody/tasks", timeout=STOP_TIMEOUT).status_code < 500
        return False

    def stop(self) -> None:
        """End all of its processes, those that outlive their parent too."""
        processes = _tree(self.process.pid)
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP_TIMEOUT)
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        psutil.wait_procs(processes, STOP_TIMEOUT)


def end_when_told() -> None:
    """Have a signal that ends us end what we have started, too."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit("Ended before it was done: nothing is written."))


@contextmanager
def running(server: Server, database: Database, log: Path = Path(os.devnull)) -> Iterator[Running]:
    """Run the server for as long as the block takes, from when it answers."""
    port = _free_port()
    settings = {
        "DATABASE_URL": database.url(server.role),
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "WEB_CONCURRENCY": str(WORKERS),  # The names that this service has for them,
        "THREADS": str(CONNECTIONS),
        "WORKERS": str(WORKERS),  # and those of the peers.
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
            start_new_session=True,  # Ctrl-C is for us: we end it.
        )
    started = Running(server, process, f"http://127.0.0.1:{port}", log)
    try:
        wait_for(started.answers)
        yield started
    finally:
        started.stop()


def cpu_seconds(pid: int) -> float:
    """Return the time, user and system, that a process and its descendants have spent on processors so far."""
    total = 0.0
    for process in _tree(pid):
        with suppress(psutil.NoSuchProcess):
            # Those of children are of such as have ended, and are in no tree any more.
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def _tree(pid: int) -> list[psutil.Process]:
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
