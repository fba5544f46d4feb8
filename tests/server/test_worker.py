"""How the worker class of gunicorn treats connections, from their first byte to their end."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Event
from time import monotonic
from urllib.parse import quote

import pytest
from flask import Flask

from app.server.bodies import BODY_TIMEOUT
from tests.support.connections import PROMPT, THREADS, Connect, Connection, Start, request
from tests.support.databases import connected
from tests.support.project import ROOT
from tests.support.service import Service
from tests.support.waiting import wait_for

TASK = b'{"title": "Buy milk"}'
MANY = THREADS + 3
HEAD_MAX = 32 * 1024  # bytes


def assert_prompt(service: Service) -> None:
    """Others are answered as if nobody kept the service busy."""
    began = monotonic()
    for _ in range(10):
        with closing(Connection(service)) as connection:
            assert connection.ask().status == 200
    assert monotonic() - began < PROMPT


def open_files(service: Service) -> int:
    """Return how many files and sockets the newest worker has."""
    return len(list(Path(f"/proc/{service.workers()[-1]}/fd").iterdir()))


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
        assert connection.ask(request("/health", *headers, version=version)).status == 200
    assert kept or connection.is_closed()


@pytest.mark.parametrize(
    ("version", "host", "status"),
    [
        ("HTTP/1.1", "", 400),
        ("HTTP/1.1", "Host:\r\n", 400),
        ("HTTP/1.1", "Host: a\r\nHost: b\r\n", 400),
        ("HTTP/1.0", "Host: a\r\nHost: b\r\n", 400),
        ("HTTP/1.0", "", 200),
    ],
)
def test_a_request_names_one_host(service: Service, connect: Connect, version: str, host: str, status: int) -> None:
    answer = connect(service).ask(request(version=version, host=host))
    assert answer.status == status
    if status == 400:
        assert (answer.headers["Content-Type"], answer.body) == ("application/json", b'{"detail":"Bad Request"}')


def test_the_head_of_a_request_may_have_32_kib(service: Service, connect: Connect) -> None:
    user_id = "\N{PILE OF POO}" * 255
    longest = f"/api/{quote(user_id)}/tasks"
    filled = request(longest, f"X: {'x' * (HEAD_MAX - len(request(longest, 'X: ')))}")
    assert len(filled) == HEAD_MAX
    assert connect(service).ask(filled).status == 200
    # What comes in one piece with the rest may be a little longer.
    assert connect(service).ask(request(longest, f"X: {'x' * 2 * HEAD_MAX}")).status == 431


def test_connections_that_are_silent_keep_no_thread(service: Service, connect: Connect) -> None:
    silent = [connect(service) for _ in range(MANY)]
    slow = [connect(service) for _ in range(MANY)]
    for sent in request()[:-2].split(b"\r\n"):
        for connection in slow:
            connection.send(sent, b"\r\n"[: len(sent)])
        assert_prompt(service)
    for connection in slow:
        assert connection.ask(b"\r\n").status == 200
    for connection in silent:
        assert connection.ask().status == 200
        assert connection.ask().status == 200


def test_clients_that_do_not_read_keep_no_thread_and_are_given_up(
    app: Flask, start: Start, connect: Connect, tasks: str
) -> None:
    service = start()
    with connected(app.config["DATABASE_URL"]) as cursor:
        user_id = tasks.split("/")[2]
        cursor.execute("SELECT set_config('app.user_id', %s, false)", [user_id])
        cursor.execute(
            "INSERT INTO tasks (user_id, title, description) SELECT %s, 'Big', repeat('x', 5000)"
            "FROM generate_series(1, 1000)",
            [user_id],
        )
    before = open_files(service)
    for path in (tasks, "/docs/assets/swagger-ui-bundle.js"):
        for _ in range(MANY):
            connect(service).send(*[request(path)] * 4)  # More than the buffers of both ends hold.
        assert_prompt(service)
    assert open_files(service) >= before + 2 * MANY
    wait_for(lambda: open_files(service) <= before + THREADS)  # Each thread keeps a connection to the database.


def wait_for_bodies(service: Service, connect: Connect, tasks: str) -> list[Connection]:
    """Have each thread wait for a body that never comes whole, until all of them are answered."""
    connections = [connect(service) for _ in range(THREADS)]
    for connection in connections:
        connection.socket.settimeout(BODY_TIMEOUT + PROMPT)
        connection.send(request(tasks, method="POST", body=TASK)[:-1])
    for connection in connections:
        answer = connection.answer()
        assert (answer.status, answer.headers["Content-Type"]) == (422, "application/json")
        assert b"value_error.jsondecode" in answer.body
        assert answer.headers["X-Request-ID"]
        assert answer.headers["Cache-Control"] == "no-store"
    return connections


def test_bodies_that_do_not_come_are_answered_in_time(start: Start, connect: Connect, tasks: str) -> None:
    service = start()
    began = monotonic()
    for connection in wait_for_bodies(service, connect, tasks):
        connection.close()
    assert BODY_TIMEOUT <= monotonic() - began < BODY_TIMEOUT + PROMPT
    assert_prompt(service)
    assert connect(service).ask(request(tasks)).body == b"[]"


@pytest.mark.xfail(strict=True, reason="hyper keeps a connection open for as long as a thread waits for its body")
def test_bodies_that_do_not_come_free_their_threads(start: Start, connect: Connect, tasks: str) -> None:
    service = start()
    connections = wait_for_bodies(service, connect, tasks)
    assert_prompt(service)
    for connection in connections:
        assert connection.is_closed()


def test_clients_that_send_without_a_pause_leave_room_for_others(service: Service) -> None:
    end = Event()
    answers = [0] * 8

    def send_and_send(number: int) -> None:
        with closing(Connection(service)) as connection:
            while not end.is_set():
                connection.send(*[request()] * 50)
                for _ in range(50):
                    assert connection.answer().status == 200
                    answers[number] += 1

    with ThreadPoolExecutor(len(answers)) as clients:
        greedy = [clients.submit(send_and_send, number) for number in range(len(answers))]
        try:
            wait_for(lambda: all(answers))
            assert_prompt(service)
        finally:
            end.set()
        for client in greedy:
            client.result()


@pytest.mark.parametrize("leave", [Connection.close, Connection.reset])
@pytest.mark.parametrize("part", ["nothing", "half a head", "half a body", "a request", "two requests"])
def test_clients_that_disappear_leave_nothing_behind(
    service: Service, connect: Connect, tasks: str, part: str, leave: Callable[[Connection], None]
) -> None:
    whole = request(tasks, method="POST", body=TASK)
    sent = {
        "nothing": b"",
        "half a head": whole[:20],
        "half a body": whole[:-5],
        "a request": whole,
        "two requests": whole + whole,
    }[part]
    before = open_files(service)
    for _ in range(50):
        connection = Connection(service)
        connection.send(sent)
        leave(connection)
    wait_for(lambda: open_files(service) <= before + THREADS)  # Each thread keeps a connection to the database.
    assert_prompt(service)


def test_a_connection_is_closed_once_it_was_idle_for_too_long(start: Start, connect: Connect) -> None:
    service = start("--keep-alive 2")  # seconds
    used, *idle = [connect(service) for _ in range(6)]
    half = connect(service)
    half.send(request()[:20])
    began = monotonic()
    for connection in idle:
        assert connection.ask().status == 200
    for closed in (*idle, half):
        while not closed.has_news():
            assert used.ask().status == 200
        assert closed.is_closed()
        assert 2 <= monotonic() - began < 2 + PROMPT
    assert used.ask().status == 200
