"""An upgrade without downtime: two versions beside each other on one database, forth and back, under load."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from app.database.migrations import newest_migration
from tests.support.client import Client
from tests.support.commands import flask
from tests.support.load import Load, load
from tests.support.project import copy_of_the_project
from tests.support.service import Service
from tests.support.stack import MISSING, Stack, free_port
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.stack, pytest.mark.skipif(bool(MISSING), reason=f"not installed: {MISSING}")]

NEXT = f"{int(newest_migration()) + 1:04}"
MIGRATION = f'''"""Add what an old version does not mind."""

import sqlalchemy as sa
from alembic import op

revision = "{NEXT}"
down_revision = "{newest_migration()}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("tasks", sa.Column("colour", sa.String(20), server_default="blue", nullable=False))
    op.alter_column("tasks", "title", type_=sa.String(600))


def downgrade() -> None:
    op.alter_column("tasks", "title", type_=sa.String(500))
    op.drop_column("tasks", "colour")
'''


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    stack = Stack(tmp_path / "stack")
    yield stack
    stack.stop()


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """A checkout of the next version, which has one more migration."""
    directory = copy_of_the_project(tmp_path / "newer")
    (directory / "migrations" / "versions" / f"{NEXT}_add_a_colour.py").write_text(MIGRATION)
    return directory


@pytest.fixture
def started() -> Iterator[ExitStack]:
    """Where a test notes what must be stopped in the end."""
    with ExitStack() as started:
        yield started


def pass_on_to(stack: Stack, *ports: int) -> None:
    """Have nginx send requests to these ports in turns, and to another one where nobody listens."""
    stack.nginx.terminate()
    stack.nginx.wait()
    stack.nginx = stack._start_nginx(" max_fails=0; server ".join(f"127.0.0.1:{port}" for port in ports))


def serve_for_a_while(clients: Load) -> None:
    """Wait until the clients have got 300 more answers."""
    wanted = clients.statuses().total() + 300
    wait_for(lambda: clients.statuses().total() >= wanted)


def count_lost_connections(stack: Stack) -> int:
    """Return how many connections of nginx were lost with a request on them."""
    log = (stack.directory / "nginx" / "log").read_text()
    return log.count("while reading response header from upstream")


def is_ready(service: Service) -> bool:
    return Client(service.url()).get("/health/ready").status_code == 200


def test_old_and_new_serve_beside_each_other_forth_and_back(
    stack: Stack, newer: Path, tmp_path: Path, started: ExitStack
) -> None:
    new_port = free_port()

    def start_new(log: str) -> Service:
        service = Service(tmp_path / log, newer, port=new_port, **stack._settings)
        started.callback(lambda: service.process.poll() is None and service.stop())
        return service

    old = stack.service
    refused = start_new("too early")
    assert refused.process.wait(60) != 0
    assert f"The database is not at migration {NEXT}. First run: flask db upgrade" in refused.log

    pass_on_to(stack, stack._service_port, new_port)
    with load(stack.client.url, 10) as clients:
        # Forth: the schema, the new instances, and then the old ones end.
        serve_for_a_while(clients)
        upgrade = flask("db", "upgrade", directory=newer, DATABASE_URL=stack.postgresql.url())
        assert upgrade.returncode == 0, upgrade.stderr
        serve_for_a_while(clients)
        assert is_ready(old)
        new = start_new("new")
        assert is_ready(new)
        serve_for_a_while(clients)
        old.stop()
        serve_for_a_while(clients)

        # Back: old instances start on the newer schema, and then the new ones end.
        again = flask("db", "upgrade", DATABASE_URL=stack.postgresql.url())  # As a unit of systemd does before a start.
        assert (again.returncode, "there is nothing to upgrade" in again.stderr) == (0, True), again.stderr
        old = stack.service = stack.start_service()
        assert is_ready(old)
        serve_for_a_while(clients)
        new.stop()
        serve_for_a_while(clients)
        orderly = count_lost_connections(stack), clients.statuses()[503]

        # An old one that crashes is replaced, and one that is alone reloads.
        new = start_new("new again")
        assert is_ready(new)
        old.stop(signal.SIGKILL)
        old = stack.service = stack.start_service()
        assert is_ready(old)
        new.stop()
        workers = len(old.workers())
        old.process.send_signal(signal.SIGHUP)
        wait_for(lambda: len(old.workers()) >= 2 * workers)
        serve_for_a_while(clients)
    assert clients.unexpected() == []
    assert max(orderly) < 5  # A connection may come in the very moment in which the last worker stops to listen.
    assert clients.statuses()[503] < 5 + len(clients.workers)  # Those that the crash has hit.
    assert [worker.lost() for worker in clients.workers] == [[]] * len(clients.workers)
