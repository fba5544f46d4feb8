"""How workers end and are replaced: no request that was sent is lost."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

import psutil
import psycopg2
import pytest

from app.database.embedded import SUPERUSER, EmbeddedServer
from tests.support.connections import PROMPT, THREADS, Connect, Connection, Start, request
from tests.support.service import Service
from tests.support.waiting import wait_for

QUEUE = 12  # requests at once, which is more than there are threads

Locked = Callable[[], Any]


def is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def is_listening(pid: int) -> bool:
    """Tell whether the process has a socket that accepts connections."""
    return any(socket.status == psutil.CONN_LISTEN for socket in psutil.Process(pid).net_connections("tcp"))


def has_workers(service: Service, number: int) -> bool:
    return len([pid for pid in service.workers() if is_alive(pid)]) == number


@pytest.fixture
def locked(postgresql: EmbeddedServer) -> Locked:
    """A function that locks the tasks for as long as its block takes."""

    @contextmanager
    def lock() -> Iterator[Any]:
        with closing(psycopg2.connect(postgresql.url(SUPERUSER))) as database, database.cursor() as cursor:
            cursor.execute("LOCK TABLE tasks")
            yield cursor

    return lock


def count_requests(service: Service) -> int:
    """Return how many requests the service has read."""
    return service.log.count('"message":"request"')


def waiting(cursor: Any) -> int:
    """Return how many statements wait for a lock."""
    cursor.execute("SELECT FROM pg_locks WHERE NOT granted")
    return int(cursor.rowcount)


def is_read(service: Service, connections: list[Connection]) -> bool:
    """Tell whether a worker has taken in all that was sent on these connections."""
    ports = {connection.socket.getsockname()[1] for connection in connections}
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    # Of the service's ends: what was not read, and the inode, which is 0 until the connection is accepted.
    ends = [(line[4].split(":")[1], line[9]) for line in lines if int(line[2].split(":")[1], 16) in ports]
    return len(ends) == len(ports) and all(int(unread, 16) == 0 and inode != "0" for unread, inode in ends)


def queue(service: Service, connect: Connect, cursor: Any, tasks: str) -> list[Connection]:
    """Send many requests at once, all of which wait for the lock or for a thread."""
    connections = [connect(service) for _ in range(QUEUE)]
    for connection in connections:
        connection.send(request(tasks))
    wait_for(lambda: waiting(cursor) == THREADS)
    wait_for(partial(is_read, service, connections))
    return connections


def test_a_service_that_ends_answers_what_was_sent_and_closes_what_is_idle(
    start: Start, connect: Connect, locked: Locked, tasks: str
) -> None:
    service = start()
    silent, *idle = [connect(service) for _ in range(4)]
    for connection in idle:
        assert connection.ask().status == 200
    with locked() as cursor:
        connections = queue(service, connect, cursor, tasks)
        service.process.terminate()
        began = monotonic()
        for connection in (silent, *idle):
            assert connection.is_closed()
        assert service.process.poll() is None
    for connection in connections:
        answer = connection.answer()
        assert (answer.status, answer.body, answer.headers["Connection"]) == (200, b"[]", "close")
        assert connection.is_closed()
    assert service.process.wait(PROMPT) == 0
    assert monotonic() - began < 10  # And not the 30 s after which the worker would be killed.


def test_a_client_that_goes_on_asking_is_told_of_the_end(start: Start, connect: Connect) -> None:
    service = start()
    asking = connect(service)
    assert asking.ask().headers["Connection"] != "close"
    service.process.terminate()
    while asking.ask().headers["Connection"] != "close":
        assert service.process.poll() is None
    assert asking.is_closed()
    assert service.process.wait(PROMPT) == 0


def test_a_service_that_ends_does_not_wait_for_ever(start: Start, connect: Connect) -> None:
    service = start("--graceful-timeout 2")  # seconds
    half = connect(service)
    half.send(request()[:20])
    assert connect(service).ask().status == 200
    service.process.terminate()
    assert service.process.wait(2 + PROMPT) == 0
    assert half.is_closed()


def test_a_reload_answers_what_was_sent_and_the_next_worker_serves(
    start: Start, connect: Connect, locked: Locked, tasks: str
) -> None:
    service = start()
    (old,) = service.workers()
    with locked() as cursor:
        connections = queue(service, connect, cursor, tasks)
        service.process.send_signal(signal.SIGHUP)
        wait_for(lambda: not is_listening(old))  # Until then, both accept connections.
        assert len(service.workers()) == 2
        assert connect(service).ask().status == 200
    for connection in connections:
        answer = connection.answer()
        assert (answer.status, answer.body) == (200, b"[]")
    wait_for(lambda: not is_alive(old))
    assert connect(service).ask(request(tasks)).status == 200


def test_a_worker_that_ends_after_its_requests_is_replaced_and_none_fails(start: Start, connect: Connect) -> None:
    service = start("--max-requests 5 --max-requests-jitter 0")
    connections = [connect(service), connect(service)]
    before = count_requests(service)
    answers = 0

    def have_four_served() -> bool:
        nonlocal answers
        connection = connections.pop(0)
        is_last = True
        with suppress(ConnectionError):  # An idle connection may be closed at any time, before a request is read.
            connection.send(request())
            if connection.received.peek(1):
                answer = connection.answer()
                assert answer.status == 200
                answers += 1
                is_last = answer.headers["Connection"] == "close"
                assert not is_last or connection.is_closed()
        connections.append(connect(service) if is_last else connection)
        return len(service.workers()) >= 4

    wait_for(have_four_served)
    wait_for(lambda: count_requests(service) - before == answers)


def test_the_number_of_workers_changes_on_demand(start: Start, connect: Connect) -> None:
    service = start()
    for by, number in ((signal.SIGTTIN, 2), (signal.SIGTTIN, 3), (signal.SIGTTOU, 2), (signal.SIGTTOU, 1)):
        service.process.send_signal(by)
        wait_for(partial(has_workers, service, number))
        assert connect(service).ask().status == 200
    assert len(service.workers()) == 3


@pytest.mark.parametrize("by", [signal.SIGSTOP, signal.SIGKILL, signal.SIGABRT])
def test_a_worker_that_hangs_or_dies_is_replaced(start: Start, connect: Connect, by: signal.Signals) -> None:
    service = start("--timeout 2")  # seconds
    (old,) = service.workers()
    os.kill(old, by)
    wait_for(lambda: len(service.workers()) == 2)
    assert connect(service).ask().status == 200
    wait_for(lambda: not is_alive(old))


def test_a_worker_that_waits_for_its_database_is_not_taken_for_one_that_hangs(
    start: Start, connect: Connect, locked: Locked, tasks: str
) -> None:
    service = start("--timeout 1")  # seconds
    with locked() as cursor:
        began = monotonic()
        connections = queue(service, connect, cursor, tasks)
        wait_for(lambda: monotonic() - began > 3)
    for connection in connections:
        assert connection.answer().status == 200
    assert len(service.workers()) == 1
