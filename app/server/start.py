"""What is checked before the service starts to serve."""

import errno
import importlib
import resource
import socket
from collections.abc import Iterable

import click
from flask import Flask

from app.auth.exposure import require_privacy
from app.auth.tokens import fetch_keys
from app.database import readiness
from app.extensions import db
from config import GRANIAN, GTHREAD, StartError

GRANIAN_WORKER = "app.server.worker.GranianWorker"
OTHER_DESCRIPTORS = 128  # files and sockets that a process needs beside those of its clients

Address = tuple[str, int]


def init_app(app: Flask) -> None:
    """Have `flask run` make the checks, too. Under gunicorn, `gunicorn.conf.py` does."""
    context = click.get_current_context(silent=True)
    if context is not None and context.info_name == "run":
        require_readiness(app, [context.params["host"]])


def require_readiness(app: Flask, hosts: Iterable[str]) -> None:
    """Refuse to serve on these hosts where that would be unsafe, or from a database that is not prepared for it.

    Raises `config.StartError`.
    """
    require_privacy(app.config, hosts)
    fetch_keys(app.config)
    with app.app_context():
        readiness.require_readiness()
        db.engine.dispose()  # A server may fork now, and a connection can't be shared.


def require_free_address(address: Address) -> None:
    """Try to listen there, as gunicorn would try five times, a second each. Raises `config.StartError`."""
    host, port = address
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
            probe.listen(1)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                cure = f"Port {port} of {host} is in use. Choose another one, as in: make run PORT={port + 1}"
            else:
                cure = f"Can't listen on {host}, port {port}: {error.strerror}. Set HOST and PORT to others."
            raise StartError(cure) from error


def choose_worker_class(name: str) -> tuple[str, str | None]:
    """Return gunicorn's name of the worker class for that setting, and why it is not the one that was asked for."""
    if name == GRANIAN:
        try:
            importlib.import_module(GRANIAN_WORKER.rpartition(".")[0])
        except ImportError as error:
            return GTHREAD, f"WORKER_CLASS={GRANIAN} can't be used, so {GTHREAD} serves: {error}"
        return GRANIAN_WORKER, None
    return name, None


def raise_descriptor_limit(connections: int) -> str | None:
    """Let this process, and its children, have so many connections. Return what stands against it, or None."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + OTHER_DESCRIPTORS
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return None
    if hard != resource.RLIM_INFINITY and hard < wanted:
        return f"A worker may have {connections} connections, but only {hard} open files: raise `ulimit -n` to {wanted}"
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return None
