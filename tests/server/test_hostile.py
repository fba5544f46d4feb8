"""What is no HTTP, or only half of a request: it gets one answer, and the service goes on."""

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from http.client import HTTPResponse
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.client import Client, Tasks
from tests.support.faults import fault
from tests.support.waiting import DEADLINE

INVALID_JSON = fault("body", msg="invalid JSON", type="value_error.jsondecode")


@contextmanager
def connected(client: Client) -> Iterator[socket.socket]:
    address = urlsplit(client.url)
    with closing(socket.create_connection((address.hostname, address.port), timeout=DEADLINE)) as connection:
        yield connection


def answer(client: Client, request: bytes) -> tuple[int, str | None, Any]:
    """Send these bytes and nothing more, and return status, media type and JSON of the answer."""
    with connected(client) as connection, closing(HTTPResponse(connection)) as response:
        connection.sendall(request)
        response.begin()
        return response.status, response.headers["Content-Type"], json.load(response)


def received(client: Client, request: bytes) -> bytes:
    """Send these bytes and nothing more, and return all that comes until the service closes the connection."""
    with connected(client) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def post(path: str, *headers: str, body: bytes) -> bytes:
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: localhost",
        "Content-Type: application/json",
        "Connection: close",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def test_half_a_body_is_refused_and_creates_nothing(alice: Tasks) -> None:
    body = b'{"title": "Buy milk"}'
    requests = [
        post(alice.path, f"Content-Length: {len(body) + 1}", body=body),
        post(alice.path, "Transfer-Encoding: chunked", body=b"%x\r\n%b\r\n" % (len(body), body)),
        post(alice.path, f"Content-Length: {len(body) + 1}", body=body[:-1]),
        post(alice.path, "Transfer-Encoding: chunked", body=b"zz\r\n%b\r\n0\r\n\r\n" % body),
    ]
    with ThreadPoolExecutor() as clients:  # The service waits for a while for the rest of each.
        for answered in clients.map(partial(answer, alice.client), requests):
            assert answered == (422, "application/json", {"detail": [INVALID_JSON]})
    assert alice.all() == []


@pytest.mark.parametrize(
    ("request_", "statuses"),
    [
        (b"nonsense\r\n\r\n", {"granian": 400, "gthread": 400}),
        (b"GET / HTTP/9.9\r\n\r\n", {"granian": 400, "gthread": 400}),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nBad Header: 1\r\n\r\n", {"granian": 400, "gthread": 400}),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: %b\r\n\r\n" % (b"x" * 100_000), {"granian": 431, "gthread": 431}),
        (
            b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: nonsense\r\n\r\n",
            {"granian": 400, "gthread": 501},
        ),
    ],
)
def test_what_is_no_http_gets_an_error_and_nothing_else(
    client: Client, worker_class: str, request_: bytes, statuses: dict[str, int]
) -> None:
    everything = received(client, request_)
    assert int(everything.split()[1]) == statuses[worker_class]
    assert everything.count(b"HTTP/1.1 ") == 1


def test_a_path_may_be_longer_than_any_of_ours(client: Client, worker_class: str) -> None:
    response = client.get("/" + "x" * 9000)
    if worker_class == "gthread":
        assert response.status_code == 414
    else:
        assert (response.status_code, response.json()) == (404, {"detail": "Not Found"})


def test_pipelined_requests_after_an_unread_body_are_not_confused(alice: Tasks) -> None:
    smuggled = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    request = b"DELETE %b/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b" % (
        alice.path.encode(),
        len(smuggled),
        smuggled,
    )
    end = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    first, *others = received(alice.client, request + end).split(b"HTTP/1.1 ")[1:]
    assert first.startswith(b"404 ")
    # The body is skipped, or the connection is closed; but it is never taken for a request.
    assert not others or (len(others) == 1 and b'"links"' in others[0])
