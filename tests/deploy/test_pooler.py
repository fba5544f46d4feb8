"""What the sessions of a transaction pooler do to statements, characters and writes, with the very `pgbouncer.ini`."""

import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest

from app.database.embedded import SUPERUSER
from config import Config
from tests.support.client import REQUESTS, Client
from tests.support.databases import connected
from tests.support.load import Load, load
from tests.support.project import ROOT
from tests.support.stack import MISSING, Stack
from tests.support.statements import ALL
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.stack, pytest.mark.skipif(bool(MISSING), reason=f"not installed: {MISSING}")]


@pytest.fixture
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("pooler") / "stack")
    yield stack
    stack.stop()


@pytest.fixture
def superuser(stack: Stack) -> Iterator[Any]:
    """A cursor past the pooler."""
    with connected(stack.postgresql.url(SUPERUSER)) as cursor:
        yield cursor


def count_errors(stack: Stack) -> Counter[str]:
    """Return how often PostgreSQL has written each error, whatever the names in it."""
    lines = re.findall(r"ERROR:  (.*)", (stack.postgresql.data / "server.log").read_text())
    return Counter(re.sub('"[^"]*"', "…", line) for line in lines)


def count_sessions(superuser: Any) -> int:
    superuser.execute("SELECT count(*) FROM pg_stat_activity WHERE usename = 'tasks'")
    return int(superuser.fetchone()[0])


def ask_at_once(url: str, times: int = 8) -> Counter[int]:
    """Make each kind of request from several clients at once, and return how often which status was the answer."""

    def ask(_: int) -> list[int]:
        tasks = Client(url).of(f"alice-{uuid4()}")
        task_ids = [tasks.post({"title": "Käse 🧀"}).json().get("id", "none") for _ in REQUESTS]
        answers = [request(tasks, task_id) for request, task_id in zip(REQUESTS.values(), task_ids, strict=True)]
        return [answer.status_code for answer in answers]

    with ThreadPoolExecutor(times) as clients:
        return Counter(status for statuses in clients.map(ask, range(times)) for status in statuses)


def wait_for_answers(clients: Load, number: int) -> None:
    """Wait until the clients have got so many more answers."""
    wanted = clients.statuses().total() + number
    wait_for(lambda: clients.statuses().total() >= wanted)


def test_a_column_that_gets_another_type_fails_no_request_nor_does_a_restart_after_it(
    stack: Stack, superuser: Any
) -> None:
    with load(stack.service.url(), 8) as clients:
        for type_ in ("varchar(600)", "text", "varchar(500)"):
            wait_for_answers(clients, 400)
            superuser.execute(f"ALTER TABLE tasks ALTER COLUMN title TYPE {type_}")
        wait_for_answers(clients, 400)
    assert clients.unexpected() == []
    assert clients.statuses()[503] == 0
    assert count_errors(stack)["cached plan must not change result type"] > 0
    # The sessions of the pooler outlive the service, and their plans with them.
    superuser.execute("ALTER TABLE tasks ALTER COLUMN title TYPE varchar(600)")
    stack.service.stop()
    stack.service = stack.start_service()
    assert set(ask_at_once(stack.service.url())) == {200, 201}


def test_statements_that_a_session_lacks_leave_few_lines_in_the_log_of_postgresql(stack: Stack, superuser: Any) -> None:
    with load(stack.service.url(), 16) as clients:
        wait_for_answers(clients, 4000)
        sessions = count_sessions(superuser)
        errors = count_errors(stack)
    assert clients.unexpected() == []
    assert sessions > 2
    assert errors["prepared statement … already exists"] == 0
    assert errors["prepared statement … does not exist"] <= 2 * sessions * len(ALL)
    assert sum(errors.values()) == errors["prepared statement … does not exist"]


def test_every_character_is_kept_whatever_is_set_for_the_clients_of_the_database(stack: Stack, superuser: Any) -> None:
    for encoding in ("LATIN1", "SQL_ASCII"):
        superuser.execute(f"ALTER DATABASE tasks SET client_encoding = '{encoding}'")
        # A new pooler: the old one has noted what the first of its sessions said.
        stack.pgbouncer.kill()
        stack.pgbouncer.wait()
        stack.pgbouncer = stack.start_pgbouncer()
        wait_for(lambda: Client(stack.service.url()).get("/health/ready").status_code == 200)
        assert set(ask_at_once(stack.service.url())) <= {200, 201}
        tasks = Client(stack.service.url()).of("alice")
        assert tasks.create("Käse 🧀 ł")["title"] == "Käse 🧀 ł"
        assert {task["title"] for task in tasks.all()} == {"Käse 🧀 ł"}


def test_sessions_of_the_pooler_that_began_read_only_are_replaced(stack: Stack, superuser: Any) -> None:
    superuser.execute("ALTER DATABASE tasks SET default_transaction_read_only = on")
    superuser.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'tasks'")
    tasks = Client(stack.service.url()).of("alice")
    wait_for(lambda: tasks.list_tasks().status_code == 200)
    assert 503 in ask_at_once(stack.service.url())
    assert tasks.post({"title": "Buy milk"}).status_code == 503
    superuser.execute("ALTER DATABASE tasks RESET default_transaction_read_only")
    wait_for(lambda: set(ask_at_once(stack.service.url())) <= {200, 201})
    wait_for(lambda: tasks.client.get("/health/ready").status_code == 200)


def test_no_session_of_the_pooler_lives_longer_than_a_connection_of_the_service() -> None:
    configuration = (ROOT / "deploy" / "pgbouncer.ini").read_text()
    (lifetime,) = re.findall(r"^server_lifetime = (\d+)$", configuration, re.MULTILINE)
    assert int(lifetime) <= Config().DATABASE_CONNECTION_MAX_AGE
