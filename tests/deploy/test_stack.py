"""What nginx does for the service, with the very files of `deploy/`."""

import json
import re
import socket
from collections.abc import Iterator
from http.client import HTTPResponse

import pytest
import requests

from tests.support.client import Client, Tasks
from tests.support.stack import MISSING, Stack
from tests.support.waiting import DEADLINE

pytestmark = [pytest.mark.stack, pytest.mark.skipif(bool(MISSING), reason=f"not installed: {MISSING}")]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("stack") / "stack")
    yield stack
    stack.stop()


@pytest.mark.parametrize(
    ("request_line", "headers", "status"),
    [
        ("GET /metrics HTTP/1.1", "", 404),
        ("GET /api/%00/tasks HTTP/1.1", "", 400),
        ("GET /api/ali ce/tasks HTTP/1.1", "", 400),
        ("TRACE / HTTP/1.1", "", 405),
        ("POST /api/alice/tasks HTTP/1.1", "Content-Length: 70000\r\n", 413),
        (f"GET /{'x' * 9000} HTTP/1.1", "", 414),
        ("GET / HTTP/1.1", f"X-Long: {'x' * 9000}\r\n", 431),
        ("POST /api/alice/tasks HTTP/1.1", "Transfer-Encoding: x\r\n", 501),
        ("GET / HTTP/3.0", "", 505),
    ],
)
def test_what_nginx_answers_is_json_too(stack: Stack, request_line: str, headers: str, status: int) -> None:
    with socket.create_connection(("127.0.0.1", stack.nginx_port), DEADLINE) as connection:
        connection.sendall(f"{request_line}\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n".encode())
        answer = HTTPResponse(connection)
        answer.begin()
        assert answer.status == status
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["Cache-Control"] == "no-store"
        assert re.fullmatch("[0-9a-f]{32}", answer.headers["X-Request-ID"])
        body = json.loads(answer.read())
        assert list(body) == ["detail"]
        assert body["detail"]


def test_what_nginx_answers_has_the_id_of_the_request(stack: Stack) -> None:
    answer = stack.client.request("GET", "/metrics", headers={"X-Request-ID": "mine"})
    assert (answer.json(), answer.headers["X-Request-ID"]) == ({"detail": "Not Found"}, "mine")


def test_the_pooler_is_in_transaction_mode_and_row_security_holds_behind_it(stack: Stack) -> None:
    assert "pool_mode = transaction" in (stack.directory / "pgbouncer" / "pgbouncer.ini").read_text()
    direct = Client(stack.service.url())
    assert direct.get("/health/ready").json() == {"status": "ready", "row_security": "enforced"}
    task = direct.of("alice").create()
    assert direct.of("bob").get(task["id"]).status_code == 404


@pytest.mark.parametrize(
    "path", ["/metrics", "/metrics/", "//metrics", "/metrics%2F", "/%6detrics", "/metrics/x", "///metrics//"]
)
def test_no_spelling_of_the_path_of_the_metrics_passes(stack: Stack, path: str) -> None:
    assert stack.client.request("GET", path).status_code == 404


def test_the_service_itself_gives_its_metrics_to_no_proxy(stack: Stack) -> None:
    direct = Client(stack.service.url())
    assert direct.get("/metrics").status_code == 200
    for header in ("X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"):
        assert direct.request("GET", "/metrics", headers={header: "x"}).status_code == 404


def test_a_path_with_two_slashes_is_none(stack: Stack) -> None:
    for path in ("//api/bob/tasks", "/api//bob/tasks", "/api/bob//tasks"):
        assert stack.client.request("GET", path).status_code == 404


def test_long_lists_are_compressed_and_their_tags_still_match(stack: Stack) -> None:
    tasks = stack.client.of("alice-with-many")
    direct = Client(stack.service.url()).of(tasks.user_id)
    for number in range(40):
        direct.create(f"Task {number}")
    answer = tasks.list_tasks()
    assert answer.headers["Content-Encoding"] == "gzip"
    tag = answer.headers["ETag"]
    assert tag.startswith("W/")
    assert ask(tasks, "GET", "", tag).status_code == 304
    task = direct.create("One more")
    weak = f'W/"{direct.get(task["id"]).headers["ETag"].strip(chr(34))}"'
    assert ask(tasks, "DELETE", f"/{task['id']}", 'W/"1"').status_code == 412
    assert ask(tasks, "DELETE", f"/{task['id']}", weak).status_code == 200


def ask(tasks: Tasks, method: str, path: str, tag: str) -> requests.Response:
    header = "If-None-Match" if method == "GET" else "If-Match"
    return tasks.client.request(method, tasks.path + path, headers={header: tag})
