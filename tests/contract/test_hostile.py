"""What hostile or broken clients send: each request gets the contract's answer, and the service goes on."""

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
from tests.support.faults import NOT_A_STRING, NOT_AN_OBJECT, fault
from tests.support.marks import never_passed_on
from tests.support.waiting import DEADLINE

JSON = {"Content-Type": "application/json"}
INVALID_JSON = fault("body", msg="invalid JSON", type="value_error.jsondecode")
LIMIT = 64 * 1024


def deep(opening: str, closing: str, depth: int) -> bytes:
    return (opening * depth + "1" + closing * depth).encode()


NOT_JSON = {
    "empty": b"",
    "white space": b" \n",
    "words": b"title=Buy+milk",
    "half": b'{"title": "Buy milk"',
    "two values": b'{"title": "a"} {"title": "b"}',
    "trailing comma": b'{"title": "a",}',
    "single quotes": b"{'title': 'a'}",
    "comment": b'{"title": "a"} // done',
    "NaN": b'{"title": "a", "x": NaN}',
    "Infinity": b'{"title": "a", "x": -Infinity}',
    "leading zero": b'{"title": "a", "x": 01}',
    "control character": b'{"title": "a\nb"}',
    "NUL outside a string": b'{"title": "a"}\0',
    "bad UTF-8": b'{"title": "\xff"}',
    "overlong UTF-8": b'{"title": "\xc0\xaf"}',
    "surrogate in UTF-8": b'{"title": "\xed\xa0\x80"}',
    "Latin-1": '{"title": "Käse"}'.encode("latin-1"),
    "UTF-16": '{"title": "a"}'.encode("utf-16"),
    "UTF-32": '{"title": "a"}'.encode("utf-32"),
    "byte order mark": b'\xef\xbb\xbf{"title": "a"}',
    "lone high surrogate": rb'{"title": "\ud83d"}',
    "lone low surrogate": rb'{"title": "\ude00 \ud83d"}',
    "surrogate in a key": rb'{"title": "a", "\ud800": 1}',
    "surrogate in an unknown field": rb'{"title": "a", "x": ["\udfff"]}',
    "arrays in arrays": deep("[", "]", 30_000),
    "arrays without end": b"[" * 30_000,
    "objects in objects": b'{"title": ' + deep('{"a":', "}", 10_000) + b"}",
}


@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON)
def test_what_is_not_json_is_refused(alice: Tasks, body: bytes) -> None:
    task = alice.create()
    requests = [("POST", alice.path), ("PUT", f"{alice.path}/{task['id']}")]
    if body:
        requests.append(("PATCH", f"{alice.path}/{task['id']}/complete"))
    for method, path in requests:
        response = alice.client.request(method, path, data=body, headers=JSON)
        assert (response.status_code, response.json()) == (422, {"detail": [INVALID_JSON]})
    assert alice.all() == [task]


@pytest.mark.parametrize("value", [[], [{"title": "a"}], "title", 5, 1.5, True, None])
def test_a_body_that_is_no_object_is_refused(alice: Tasks, value: Any) -> None:
    task = alice.create()
    for method, path in (("POST", ""), ("PUT", f"/{task['id']}"), ("PATCH", f"/{task['id']}/complete")):
        response = alice.client.request(method, alice.path + path, data=json.dumps(value), headers=JSON)
        assert (response.status_code, response.json()) == (422, {"detail": [fault("body", **NOT_AN_OBJECT)]})
    assert alice.all() == [task]


def test_numbers_may_have_any_size(alice: Tasks) -> None:
    for number in (b"9" * 5000, b"-1e999999", b"1." + b"3" * 5000):
        refused = alice.client.request("POST", alice.path, data=b'{"title": %b}' % number, headers=JSON)
        assert (refused.status_code, refused.json()) == (422, {"detail": [fault("body", "title", **NOT_A_STRING)]})
        ignored = alice.client.request("POST", alice.path, data=b'{"title": "a", "x": %b}' % number, headers=JSON)
        assert ignored.status_code == 201


def test_of_duplicate_keys_the_last_one_wins(alice: Tasks) -> None:
    body = b'{"title": 5, "title": "first", "title": "last"}'
    response = alice.client.request("POST", alice.path, data=body, headers=JSON)
    assert (response.status_code, response.json()["title"]) == (201, "last")


def test_escapes_are_what_they_stand_for(alice: Tasks) -> None:
    body = rb'{"\u0074itle": "\ud83d\udca9 \u00e9 \u2028 \"\/"}'
    response = alice.client.request("POST", alice.path, data=body, headers=JSON)
    assert response.json()["title"] == '\N{PILE OF POO} é \u2028 "/'


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 201),
        ("application/json; charset=utf-8", 201),
        ('Application/JSON;charset="UTF-8"', 201),
        ("application/json; charset=utf-16", 415),
        ("application/json; charset=latin-1", 415),
        ("application/vnd.api+json", 415),
        ("application/jsonp", 415),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        ("nonsense", 415),
        ("", 415),
        (None, 415),
    ],
)
def test_a_body_must_be_called_json(alice: Tasks, content_type: str | None, status: int) -> None:
    headers = {"Content-Type": content_type} if content_type is not None else {}
    task = alice.create()
    for method, path, success in (("POST", "", 201), ("PUT", f"/{task['id']}", 200)):
        response = alice.client.request(method, alice.path + path, data=b'{"title": "Buy milk"}', headers=headers)
        assert response.status_code == (status if status == 415 else success)
        if status == 415:
            assert response.content == b'{"detail":"Content-Type must be application/json"}'
    if status == 415:
        assert alice.all() == [task]


def padded(size: int) -> bytes:
    body = json.dumps({"title": "Buy milk", "padding": ""}).encode()
    return body[:-2] + b"x" * (size - len(body)) + body[-2:]


def in_chunks(body: bytes) -> Any:
    yield from (body[start : start + 1000] for start in range(0, len(body), 1000))


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_may_be_64_kib_and_no_larger(alice: Tasks, chunked: bool) -> None:
    for size, status in ((LIMIT, 201), (LIMIT + 1, 413), (LIMIT + 1024, 413), (1024 * 1024, 413)):
        body = in_chunks(padded(size)) if chunked else padded(size)
        response = alice.client.request("POST", alice.path, data=body, headers=JSON)
        assert response.status_code == status
        assert status == 201 or response.content == b'{"detail":"Request body too large"}'
    assert len(alice.all()) == 1


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


@never_passed_on
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


@never_passed_on
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


@never_passed_on
def test_a_path_may_be_longer_than_any_of_ours(client: Client, worker_class: str) -> None:
    response = client.get("/" + "x" * 9000)
    if worker_class == "gthread":
        assert response.status_code == 414
    else:
        assert (response.status_code, response.json()) == (404, {"detail": "Not Found"})


@never_passed_on
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
