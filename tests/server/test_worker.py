"""How the worker of gunicorn treats connections, from their first byte to their end, and its own end."""

import select
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from email.message import Message
from functools import partial
from http.client import parse_headers
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg2
import pytest
from flask import Flask

from app.database.embedded import SUPERUSER, EmbeddedServer
from tests.support.client import Client
from tests.support.project import ROOT
from tests.support.service import Service
from tests.support.waiting import wait_for

PROMPT = 5  # seconds, for each answer; in vain, a thread waits for twice as long
THREADS = 2
CONNECTIONS = 8  # which a worker has at most; for each thread, one of them is not kept
KEPT = CONNECTIONS - THREADS
TASK = b'{"title": "Buy milk"}'


class Answer(NamedTuple):
    status: int
    headers: Message
    body: bytes

    @property
    def connection(self) -> str:
        """What becomes of the connection: `keep-alive`, or `close`."""
        return self.headers["Connection"]


class Connection:
    """A connection to a service: requests are sent on it, and answers come one by one."""

    def __init__(self, service: Service) -> None:
        address = urlsplit(service.url())
        self.socket = socket.create_connection((address.hostname, address.port), timeout=PROMPT)
        self.received = self.socket.makefile("rb")

    def send(self, *requests: bytes) -> None:
        self.socket.sendall(b"".join(requests))

    def answer(self, *, has_body: bool = True) -> Answer:
        line = self.received.readline()
        assert line.startswith(b"HTTP/1."), line
        headers = parse_headers(self.received)
        size = int(headers["Content-Length"] or 0) if has_body else 0
        return Answer(int(line.split()[1]), headers, self.received.read(size))

    def ask(self, *requests: bytes) -> Answer:
        self.send(*requests or (request(),))
        return self.answer()

    def is_closed(self) -> bool:
        """Wait for the end of what the service sends, and tell whether it is one."""
        return self.received.read(1) == b""

    def close(self) -> None:
        self.received.close()
        self.socket.close()

    def reset(self) -> None:
        """Break it off, as a client does that crashes."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()


def request(
    path: str = "/health", *headers: str, method: str = "GET", version: str = "HTTP/1.1", body: bytes = b""
) -> bytes:
    if body:
        headers = (*headers, "Content-Type: application/json", f"Content-Length: {len(body)}")
    return "\r\n".join([f"{method} {path} {version}", "Host: x", *headers, "", ""]).encode() + body


Start = Callable[..., Service]
Connect = Callable[[Service], Connection]


def starter(app: Flask, directory: Path, running: ExitStack) -> Start:
    def start(arguments: str, **settings: Any) -> Service:
        """Start a service whose one worker serves, with these arguments for gunicorn."""
        service = Service(
            directory / "log",
            DATABASE_URL=app.config["DATABASE_URL"],
            WEB_CONCURRENCY="1",
            THREADS=str(THREADS),
            GUNICORN_CMD_ARGS=arguments,
            **settings,
        )
        running.callback(service.stop)
        assert Client(service.url()).request("GET", "/health", headers={"Connection": "close"}).status_code == 200
        return service

    return start


@pytest.fixture
def start(app: Flask, tmp_path: Path) -> Iterator[Start]:
    """A function that starts a service for the test alone."""
    with ExitStack() as running:
        yield starter(app, tmp_path, running)


@pytest.fixture(scope="module")
def service(app: Flask, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with few threads and few connections, which hands files to gunicorn as they are."""
    with ExitStack() as running:
        start = starter(app, tmp_path_factory.mktemp("worker"), running)
        yield start(f"--worker-connections {CONNECTIONS}", REQUEST_TELEMETRY="false")


@pytest.fixture
def connect() -> Iterator[Connect]:
    """A function that connects to a service, until the test ends."""
    with ExitStack() as connections:
        yield lambda service: connections.enter_context(closing(Connection(service)))


@pytest.fixture
def tasks() -> str:
    """The path of the tasks of a user whom no other test has."""
    return f"/api/alice-{uuid4()}/tasks"


def test_requests_that_are_sent_ahead_are_answered_in_their_order(
    service: Service, connect: Connect, tasks: str
) -> None:
    connection = connect(service)
    ids = [str(number) for number in range(240)]  # More than is read at once, so that one of them comes in two parts.
    kinds = [(tasks, b"", 200), (tasks, TASK, 201), ("/health", b"", 200), ("/nope", b"", 404)]
    sent = [(*kinds[number % len(kinds)], request_id) for number, request_id in enumerate(ids)]
    connection.send(
        *(
            request(path, f"X-Request-ID: {request_id}", method="POST" if body else "GET", body=body)
            for path, body, _, request_id in sent
        )
    )
    for _, _, status, request_id in sent:
        answer = connection.answer()
        assert (answer.status, answer.headers["X-Request-ID"]) == (status, request_id)
    assert connection.ask(request(tasks)).body.count(b"Buy milk") == 60


@pytest.mark.parametrize(("path", "status"), [("/health", 200), ("/nope", 404), ("/static/redoc.js", 200)])
def test_an_answer_without_a_body_is_sent_at_once(service: Service, connect: Connect, path: str, status: int) -> None:
    connection = connect(service)
    connection.send(request(path, method="HEAD"))
    head = connection.answer(has_body=False)
    answer = connection.ask(request(path))
    assert head.status == answer.status == status
    assert int(head.headers["Content-Length"]) == len(answer.body) > 0

    connection.send(request("/static/redoc.js", f"If-None-Match: {head.headers['ETag'] or '*'}"))
    assert connection.answer(has_body=False).status == 304
    assert connection.ask().status == 200


def test_a_body_that_is_announced_is_asked_for(service: Service, connect: Connect, tasks: str) -> None:
    connection = connect(service)
    head, body = request(tasks, "Expect: 100-continue", method="POST", body=TASK).split(TASK)[0], TASK
    connection.send(head)
    assert connection.answer(has_body=False).status == 100
    assert connection.ask(body).status == 201
    assert connection.ask().status == 200


def test_a_file_comes_after_its_head(service: Service, connect: Connect) -> None:
    connection = connect(service)
    assert connection.ask(request("/static/redoc.js")).body == (ROOT / "app/web/static/redoc.js").read_bytes()
    assert connection.ask().status == 200


def test_connections_that_are_silent_keep_no_thread(service: Service, connect: Connect) -> None:
    silent = [connect(service) for _ in range(THREADS + 3)]
    assert connect(service).ask().status == 200
    for connection in silent:
        assert connection.ask().status == 200
        assert connection.ask().status == 200


@pytest.mark.parametrize(
    ("version", "headers", "kept"),
    [
        ("HTTP/1.1", (), True),
        ("HTTP/1.1", ("Connection: close",), False),
        ("HTTP/1.0", (), False),
        ("HTTP/1.0", ("Connection: keep-alive",), True),
    ],
)
def test_a_connection_is_kept_as_the_client_wants(
    service: Service, connect: Connect, version: str, headers: tuple[str, ...], kept: bool
) -> None:
    connection = connect(service)
    for _ in range(3 if kept else 1):
        answer = connection.ask(request("/health", *headers, version=version))
        assert (answer.status, answer.connection) == (200, "keep-alive" if kept else "close")
    assert kept or connection.is_closed()


def test_clients_that_do_not_close_their_end_keep_nobody_waiting(service: Service, connect: Connect) -> None:
    began = monotonic()
    told = [connect(service) for _ in range(CONNECTIONS - 1)]
    for connection in told:
        connection.send(request("/health", "Connection: close"))
    for connection in told:
        assert connection.answer().status == 200
        assert connection.is_closed()
    for _ in range(3):  # For the second of them there is room once one of those has been given up.
        assert connect(service).ask().status == 200
    assert monotonic() - began < PROMPT  # And not a while for each, one after the other.


def kept_at_once(service: Service) -> int:
    """Connect until an answer says that the connection is not kept, and tell how many were."""
    with ExitStack() as connections:
        kept = 0
        while connections.enter_context(closing(Connection(service))).ask().connection == "keep-alive":
            kept += 1
        return kept


def test_where_no_more_connections_may_be_kept_they_are_closed(service: Service, connect: Connect) -> None:
    wait_for(lambda: kept_at_once(service) == KEPT)
    kept = []
    while (connection := connect(service)).ask().connection == "keep-alive":
        kept.append(connection)
    assert connection.is_closed()
    assert len(kept) < CONNECTIONS
    for _ in range(2 * CONNECTIONS):
        with closing(Connection(service)) as another:
            assert (another.ask().connection, another.is_closed()) == ("close", True)
    for connection in kept[1:]:
        connection.close()
    wait_for(lambda: connect(service).ask().connection == kept[0].ask().connection == "keep-alive")


@pytest.mark.parametrize("leave", [Connection.close, Connection.reset])
@pytest.mark.parametrize("part", ["nothing", "half a head", "half a body", "a request", "two requests"])
def test_clients_that_disappear_leave_nothing_behind(
    service: Service, tasks: str, part: str, leave: Callable[[Connection], None]
) -> None:
    whole = request(tasks, method="POST", body=TASK)
    sent = {
        "nothing": b"",
        "half a head": whole[:20],
        "half a body": whole[:-5],
        "a request": whole,
        "two requests": whole + whole,
    }[part]
    for _ in range(50):
        connection = Connection(service)
        connection.send(sent)
        leave(connection)
    wait_for(lambda: kept_at_once(service) == KEPT)


def test_a_connection_is_closed_once_it_was_idle_for_too_long(start: Start, connect: Connect) -> None:
    service = start("--keep-alive 2")  # seconds
    used, silent, *idle = [connect(service) for _ in range(6)]
    began = monotonic()
    for connection in idle:
        assert connection.ask().connection == "keep-alive"
    for closed in (silent, *idle):
        while not select.select([closed.socket], [], [], 0)[0]:
            assert used.ask().connection == "keep-alive"
        assert closed.is_closed()
        assert 2 <= monotonic() - began < 2 + PROMPT
    for _ in range(3):  # Nobody waits for the clients to close their ends too.
        assert connect(service).ask().status == 200
        assert used.ask().status == 200


def test_without_keep_alive_there_is_still_time_for_the_one_request(start: Start, connect: Connect) -> None:
    service = start("--keep-alive 0")
    first, second = connect(service), connect(service)
    for connection in (second, first):
        assert (connection.ask().connection, connection.is_closed()) == ("close", True)


def test_a_worker_is_replaced_and_no_request_fails(start: Start, connect: Connect) -> None:
    service = start("--max-requests 5 --max-requests-jitter 0")
    connections = [connect(service), connect(service)]
    closed = 0
    for number in range(24):
        connection = connections[number % 2]
        answer = connection.ask()
        assert answer.status == 200
        if answer.connection == "close":
            assert connection.is_closed()
            connection.close()
            connections[number % 2] = connect(service)
            closed += 1
    assert closed >= len(service.workers()) - 1 >= 3


def is_waited_for(cursor: Any) -> bool:
    cursor.execute("SELECT FROM pg_locks WHERE NOT granted")
    return bool(cursor.rowcount)


def test_a_worker_that_ends_answers_what_has_begun_and_closes_what_is_idle(
    start: Start, connect: Connect, postgresql: EmbeddedServer, tasks: str
) -> None:
    service = start("")
    for leave in (Connection.close, Connection.reset) * 10:  # So that there was something to count wrongly.
        gone = connect(service)
        gone.send(request()[:20])
        leave(gone)
    idle = [connect(service) for _ in range(3)]
    for connection in idle:
        assert connection.ask().connection == "keep-alive"
    silent, asking, waiting = connect(service), connect(service), connect(service)
    assert asking.ask().connection == "keep-alive"
    with closing(psycopg2.connect(postgresql.url(SUPERUSER))) as database, database.cursor() as cursor:
        cursor.execute("LOCK TABLE tasks")
        waiting.send(request(tasks))
        wait_for(partial(is_waited_for, cursor))
        service.process.terminate()
        start_of_end = monotonic()
        wait_for(lambda: asking.ask().connection == "close")
        assert asking.is_closed()
        for connection in (silent, *idle):
            assert connection.is_closed()
        assert service.process.poll() is None
    assert waiting.answer().body == b"[]"
    waiting.close()
    assert service.process.wait(PROMPT) == 0
    assert monotonic() - start_of_end < 10  # And not the 30 s after which the worker would be killed.
