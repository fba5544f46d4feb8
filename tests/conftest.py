"""What the tests share: a real PostgreSQL, and a real gunicorn."""

from collections.abc import Iterator
from pathlib import Path

import flask_migrate
import pytest
from flask import Flask

from app import create_app
from app.database.embedded import EmbeddedServer
from app.extensions import db
from config import GRANIAN, WORKER_CLASSES, Config
from tests.support.authorization import Ask, asking
from tests.support.client import Client
from tests.support.databases import migrate, new_database, partition
from tests.support.issuer import SECRET
from tests.support.project import SETTINGS
from tests.support.service import running
from tests.support.stack import Stack

pytest_plugins = ["tests.support.fixtures"]


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """A server of PostgreSQL 18."""
    server = EmbeddedServer(tmp_path_factory.mktemp("postgresql") / "18")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedServer]:
    """A server of the test's own, which it may break, with a database at the newest migration."""
    server = EmbeddedServer(tmp_path / "postgresql")
    server.start()
    migrate(server.url())
    yield server
    server.stop()


@pytest.fixture
def partitioned(postgresql: EmbeddedServer) -> str:
    """The name of a database of the test's own, with its tasks in partitions."""
    name = new_database(postgresql)
    partition(postgresql.url(database=name))
    return name


@pytest.fixture(scope="session")
def app(request: pytest.FixtureRequest, postgresql: EmbeddedServer) -> Iterator[Flask]:
    """The application, on a database at the newest migration."""
    app = create_app(Config(DATABASE_URL=postgresql.url()))
    with app.app_context():
        flask_migrate.upgrade()
    if request.config.getoption("--partitions"):
        partition(postgresql.url())
    yield app
    with app.app_context():
        db.engine.dispose()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--stack", action="store_true", help="go through nginx and PgBouncer")
    parser.addoption("--partitions", action="store_true", help="keep the tasks in hash partitions")
    parser.addoption(
        "--worker-class", choices=WORKER_CLASSES, default=GRANIAN, help="set WORKER_CLASS for every service"
    )


def pytest_configure(config: pytest.Config) -> None:
    SETTINGS["WORKER_CLASS"] = config.getoption("--worker-class")


@pytest.fixture(scope="session")
def worker_class(request: pytest.FixtureRequest) -> str:
    """The setting WORKER_CLASS of every service."""
    return str(request.config.getoption("--worker-class"))


@pytest.fixture(scope="session")
def client(request: pytest.FixtureRequest, app: Flask, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of the service as it runs in production."""
    if request.config.getoption("--stack"):
        stack = Stack(tmp_path_factory.mktemp("stack") / "stack")
        yield stack.client
        stack.stop()
        return
    log: Path = tmp_path_factory.mktemp("service") / "log"
    with running(log, DATABASE_URL=app.config["DATABASE_URL"]) as client:
        yield client


@pytest.fixture(scope="module")
def ask() -> Ask:
    """A function that sends a request to the application with a shared secret."""
    return asking()


@pytest.fixture(scope="module")
def locked(app: Flask, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of a real service in the mode of a shared secret, which sends no token by itself."""
    log = tmp_path_factory.mktemp("locked") / "log"
    settings = {"DATABASE_URL": app.config["DATABASE_URL"], "AUTH_MODE": "secret", "JWT_SECRET": SECRET}
    with running(log, **settings) as client:
        yield client
        written = log.read_text()
    assert "Authentication: tokens signed with the shared secret" in written
    assert SECRET not in written
    assert "eyJ" not in written


@pytest.fixture(scope="session")
def secret() -> str:
    """The secret that signs tokens for `locked`."""
    return SECRET
