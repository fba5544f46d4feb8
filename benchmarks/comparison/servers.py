"""The servers that are compared: this service, its peers, and the limit."""

import json
import shutil
import sys
from collections.abc import Sequence
from importlib.metadata import distributions
from pathlib import Path

from benchmarks.harness.servers import CONNECTIONS, OURS, OURS_WITH_JWT, PYTHON, WORKERS, Server

PEERS = Path(__file__).parents[1] / "peers"
PEERS_VENV = PEERS / ".venv"
PEERS_PYTHON = PEERS_VENV / "bin" / "python"
NODE_MODULES = PEERS / "fastify_pg" / "node_modules"
PEERS_PACKAGES = ("fastapi", "sqlmodel", "uvicorn", "asyncpg", "Django", "djangorestframework", "psycopg", "gunicorn")
NODE_PACKAGES = ("fastify", "pg")

UVICORN = (
    *("-m", "uvicorn", "main:app", "--host", "127.0.0.1", "--port", "{port}"),
    *("--workers", str(WORKERS), "--no-access-log"),
)


def _gunicorn(worker_class: str) -> tuple[str, ...]:
    return (
        *("-m", "gunicorn", "--bind", "127.0.0.1:{port}", "--workers", str(WORKERS), "--threads", str(CONNECTIONS)),
        *("--worker-class", worker_class, "--keep-alive", "30", "--no-control-socket", "wsgi:application"),
    )


FASTAPI = Server("fastapi", "FastAPI + SQLModel", (str(PEERS_PYTHON), *UVICORN), PEERS / "fastapi_sqlmodel")
DJANGO = Server("django", "Django REST framework", (str(PEERS_PYTHON), *_gunicorn("gthread")), PEERS / "django_rest")
FASTIFY = Server("fastify", "Fastify + pg", ("node", "server.js"), PEERS / "fastify_pg")
LIMIT = Server(
    *("limit", "the limit", (PYTHON, *_gunicorn("app.server.worker.GranianWorker")), PEERS / "limit"),
    settings={"PYTHONPATH": str(OURS.directory)},
    validates=False,
)
LIMIT_ON_GTHREAD = Server(
    *("gthread", "the limit, gthread", (PYTHON, *_gunicorn("gthread")), PEERS / "limit"), validates=False
)
SERVERS = (OURS, OURS_WITH_JWT, FASTAPI, DJANGO, FASTIFY, LIMIT, LIMIT_ON_GTHREAD)


def select_available(wanted: Sequence[Server]) -> list[Server]:
    """Return this service, and those of the wanted servers that can run here.

    Raises `SystemExit` where the peers in Python are wanted, but not installed.
    """
    servers = [server for server in SERVERS if server in wanted or server is OURS]
    if not PEERS_PYTHON.exists() and (FASTAPI in servers or DJANGO in servers):
        raise SystemExit("The peers are not installed: make bench installs them")
    if FASTIFY in servers and not _has_fastify():
        print("Node.js or npm is missing, so Fastify is left out.", file=sys.stderr)
        servers.remove(FASTIFY)
    return servers


def read_peers_versions() -> dict[str, str]:
    """Return the versions of the packages of those peers that are installed."""
    site_packages = [str(path) for path in PEERS_VENV.glob("lib/python*/site-packages")]
    found = {package.name: package.version for package in distributions(path=site_packages)}
    versions = {name: found[name] for name in PEERS_PACKAGES if name in found}
    return versions | (_read_node_versions() if _has_fastify() else {})


def _has_fastify() -> bool:
    return shutil.which("node") is not None and NODE_MODULES.exists()


def _read_node_versions() -> dict[str, str]:
    return {name: json.loads((NODE_MODULES / name / "package.json").read_text())["version"] for name in NODE_PACKAGES}
