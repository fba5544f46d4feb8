"""What the tests of the server share: services with few threads, and connections to them."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask

from config import GRANIAN
from tests.support.connections import THREADS, Connect, Connection, Start
from tests.support.service import Service


def starter(app: Flask, directory: Path, running: ExitStack) -> Start:
    def start(arguments: str = "", **settings: Any) -> Service:
        """Start a service with one worker and few threads, with these further arguments for gunicorn."""
        defaults = {"WEB_CONCURRENCY": "1", "THREADS": str(THREADS), "WORKER_CLASS": GRANIAN}
        service = Service(
            directory / f"log-{uuid4()}",
            DATABASE_URL=app.config["DATABASE_URL"],
            GUNICORN_CMD_ARGS=arguments,
            **{**defaults, **settings},
        )
        running.callback(service.stop)
        assert service.client.request("GET", "/health", headers={"Connection": "close"}).status_code == 200
        return service

    return start


@pytest.fixture
def start(app: Flask, tmp_path: Path) -> Iterator[Start]:
    """A function that starts a service for the test alone."""
    with ExitStack() as running:
        yield starter(app, tmp_path, running)


@pytest.fixture(scope="module")
def service(app: Flask, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that the tests of a module share."""
    with ExitStack() as running:
        yield starter(app, tmp_path_factory.mktemp("server"), running)()


@pytest.fixture
def connect() -> Iterator[Connect]:
    """A function that connects to a service, until the test ends."""
    with ExitStack() as connections:
        yield lambda service: connections.enter_context(closing(Connection(service)))


@pytest.fixture
def tasks() -> str:
    """The path of the tasks of a user whom no other test has."""
    return f"/api/alice-{uuid4()}/tasks"
