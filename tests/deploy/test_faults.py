"""What clients notice while everything around the service breaks: `make test-faults` prints the table."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from app.database.embedded import SUPERUSER
from tests.support.load import load
from tests.support.stack import MISSING, Stack
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.faults, pytest.mark.skipif(bool(MISSING), reason=f"not installed: {MISSING}")]

BOUND = 20  # seconds: no request takes longer, whatever happens
RESUMED = 10  # seconds: after this, every client has succeeded again
CALM = 1.0  # seconds of load before a fault, and after it

TABLE = (
    "| fault, under the load of 20 clients | answered 2xx | answered 503 | slowest | resumed after | writes lost |",
    "|---|---|---|---|---|---|",
)

Row = dict[str, Any]


@pytest.fixture(scope="module")
def rows() -> Iterator[list[Row]]:
    """The table of results, which is printed in the end."""
    rows: list[Row] = []
    yield rows
    sys.stdout.write("\n".join(["", "", *TABLE, *(line(row) for row in rows), "", ""]))


def line(row: Row) -> str:
    numbers = f"{row['slowest']:.2f} s | {row['resumed'] * 1000:.0f} ms | {row['lost']}"
    return f"| {row['fault']} | {row['good']} | {row['unavailable']} | {numbers} |"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("faults") / "stack")
    yield stack
    stack.stop()


@contextmanager
def superuser(stack: Stack) -> Iterator[Any]:
    with closing(psycopg2.connect(stack.postgresql.url(SUPERUSER))) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        yield cursor


def terminate_backends(stack: Stack) -> None:
    with superuser(stack) as cursor:
        cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'tasks'")
        assert cursor.rowcount > 0


def restart(mode: str) -> Callable[[Stack], None]:
    return lambda stack: stack.postgresql.pg_ctl("restart", "-m", mode, "-l", "server.log")


def freeze_postgresql(stack: Stack) -> None:
    processes = stack.postgresql._find_processes()
    try:
        for pid in processes:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(5)  # The fault itself.
    finally:
        for pid in processes:
            os.kill(pid, signal.SIGCONT)


def restart_pgbouncer(stack: Stack) -> None:
    stack.pgbouncer.terminate()
    stack.pgbouncer.wait()
    stack.pgbouncer = stack.start_pgbouncer()


def kill_pgbouncer(stack: Stack) -> None:
    stack.pgbouncer.kill()
    stack.pgbouncer.wait()
    stack.pgbouncer = stack.start_pgbouncer()


def reach_the_connection_limit(stack: Stack) -> None:
    with superuser(stack) as cursor:
        cursor.execute("ALTER ROLE tasks CONNECTION LIMIT 0")
        terminate_backends(stack)
        time.sleep(2)  # The fault itself.
        cursor.execute("ALTER ROLE tasks CONNECTION LIMIT -1")


def kill_a_worker(stack: Stack) -> None:
    os.kill(stack.service.workers()[-1], signal.SIGKILL)


def more_workers_than(number: int, stack: Stack) -> bool:
    return len(stack.service.workers()) > number


def reload_three_times(stack: Stack) -> None:
    for _ in range(3):
        started = len(stack.service.workers())
        os.kill(stack.service.process.pid, signal.SIGHUP)
        wait_for(partial(more_workers_than, started + 1, stack))


def restart_the_service(stack: Stack) -> None:
    stack.service.process.send_signal(signal.SIGTERM)
    assert stack.service.process.wait(60) == 0
    stack.service = stack.start_service()
    stack.service.url()


FAULTS: dict[str, Callable[[Stack], None]] = {
    "all backends terminated": terminate_backends,
    "PostgreSQL restarted, fast": restart("fast"),
    "PostgreSQL restarted, immediately": restart("immediate"),
    "PostgreSQL frozen for 5 s": freeze_postgresql,
    "PgBouncer restarted": restart_pgbouncer,
    "PgBouncer killed and started": kill_pgbouncer,
    "connection limit reached for 2 s": reach_the_connection_limit,
    "a worker killed": kill_a_worker,
    "HUP three times": reload_three_times,
    "TERM and started again": restart_the_service,
}


def observe(name: str, stack: Stack, fault: Callable[[Stack], None], rows: list[Row]) -> None:
    """Let the fault happen under load, and hold the service to its promises."""
    with load(stack.client.url) as clients:
        time.sleep(CALM)
        assert clients.unexpected() == []
        fault(stack)
        ended = time.monotonic()
        wait_for(lambda: clients.resumed(ended) < float("inf"))
        time.sleep(CALM)
    statuses = clients.statuses()
    row: Row = {
        "fault": name,
        "good": statuses[200] + statuses[201],
        "unavailable": statuses[503],
        "slowest": max(worker.slowest for worker in clients.workers),
        "resumed": clients.resumed(ended),
        "lost": sum(len(worker.lost()) for worker in clients.workers),
    }
    rows.append(row)
    assert clients.unexpected() == []
    assert row["lost"] == 0
    assert row["slowest"] < BOUND
    assert row["resumed"] < RESUMED


@pytest.mark.parametrize("name", FAULTS)
def test_no_confirmed_write_is_lost_and_service_resumes(name: str, stack: Stack, rows: list[Row]) -> None:
    observe(name, stack, FAULTS[name], rows)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_full_disk_is_unavailable_until_there_is_room(tmp_path: Path, rows: list[Row]) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1g", "tmpfs", disk], check=False)
    if mounted.returncode != 0:
        pytest.skip("no disk can be mounted here")
    with ExitStack() as cleaning:
        cleaning.callback(lambda: subprocess.run(["umount", "--lazy", disk], check=True))
        stack = Stack(tmp_path / "stack", data=disk / "postgresql")
        cleaning.callback(stack.stop)

        def fill(stack: Stack) -> None:
            ballast = disk / "ballast"
            with suppress(OSError), ballast.open("wb", buffering=0) as file:
                while file.write(b"\0" * 65536):
                    pass
            wait_for(
                lambda: stack.client.of("full").post({"title": "x" * 500, "description": "x" * 5000}).status_code == 503
            )
            time.sleep(1)
            ballast.unlink()

        observe("disk full", stack, fill, rows)


def silent(stack: Stack, sent: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", stack.nginx_port))
    connection.sendall(sent)
    return connection


def test_half_requests_and_clients_that_do_not_read_hinder_nobody(stack: Stack, rows: list[Row]) -> None:
    head = b"POST /api/slow/tasks HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"
    greedy = b"GET /api/greedy/tasks HTTP/1.1\r\nHost: x\r\n\r\n" * 50
    for number in range(100):
        stack.client.of("greedy").create("x" * 500, description=f"{number}" * 1000)

    def misbehave(stack: Stack) -> None:
        with ExitStack() as connections:
            for sent in (head[:40], head + b'{"title": ', greedy):
                for _ in range(30):
                    connections.enter_context(closing(silent(stack, sent)))
            time.sleep(3)  # The fault itself.

    observe("90 clients that stop in the middle, or never read", stack, misbehave, rows)


def test_slow_clients_hinder_nobody(stack: Stack, rows: list[Row]) -> None:
    body = b'{"title": "' + b"x" * 400 + b'"}'
    head = b"POST /api/slow/tasks HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"

    def trickle(stack: Stack) -> None:
        end = threading.Event()
        connections = [silent(stack, head % len(body)) for _ in range(200)]
        for byte in body[:20]:
            for connection in connections:
                connection.sendall(bytes([byte]))
            end.wait(0.2)
        for connection in connections:
            connection.close()

    observe("200 clients that send a byte now and then", stack, trickle, rows)
