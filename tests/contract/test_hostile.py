"""What hostile or broken clients send: each request gets the contract's answer, and the service goes on."""

import json
from typing import Any

import pytest

from tests.support.client import Tasks
from tests.support.faults import NOT_A_STRING, NOT_AN_OBJECT, fault
from tests.support.promises import promise

pytestmark = pytest.mark.part1

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


@promise(
    "docs/api.md#faults",
    "the body is not JSON, or is empty where one is required | `value_error.jsondecode` | `invalid JSON`",
)
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


@promise("docs/api.md#faults", "the body is not an object | `type_error.dict` | `value is not a valid dict`")
@pytest.mark.parametrize("value", [[], [{"title": "a"}], "title", 5, 1.5, True, None])
def test_a_body_that_is_no_object_is_refused(alice: Tasks, value: Any) -> None:
    task = alice.create()
    for method, path in (("POST", ""), ("PUT", f"/{task['id']}"), ("PATCH", f"/{task['id']}/complete")):
        response = alice.client.request(method, alice.path + path, data=json.dumps(value), headers=JSON)
        assert (response.status_code, response.json()) == (422, {"detail": [fault("body", **NOT_AN_OBJECT)]})
    assert alice.all() == [task]


@promise("docs/api.md#what-a-client-may-send", "A body is JSON (RFC 8259) in UTF-8.")
def test_numbers_may_have_any_size(alice: Tasks) -> None:
    for number in (b"9" * 5000, b"-1e999999", b"1." + b"3" * 5000):
        refused = alice.client.request("POST", alice.path, data=b'{"title": %b}' % number, headers=JSON)
        assert (refused.status_code, refused.json()) == (422, {"detail": [fault("body", "title", **NOT_A_STRING)]})
        ignored = alice.client.request("POST", alice.path, data=b'{"title": "a", "x": %b}' % number, headers=JSON)
        assert ignored.status_code == 201


@promise("docs/api.md#what-a-client-may-send", "Of duplicate names in one object, the last one counts.")
def test_of_duplicate_keys_the_last_one_wins(alice: Tasks) -> None:
    body = b'{"title": 5, "title": "first", "title": "last"}'
    response = alice.client.request("POST", alice.path, data=body, headers=JSON)
    assert (response.status_code, response.json()["title"]) == (201, "last")


@promise("docs/api.md#what-a-client-may-send", "A body is JSON (RFC 8259) in UTF-8.")
def test_escapes_are_what_they_stand_for(alice: Tasks) -> None:
    body = rb'{"\u0074itle": "\ud83d\udca9 \u00e9 \u2028 \"\/"}'
    response = alice.client.request("POST", alice.path, data=body, headers=JSON)
    assert response.json()["title"] == '\N{PILE OF POO} é \u2028 "/'


@promise(
    "docs/api.md#what-a-client-may-send",
    "Its `Content-Type` is `application/json`, with or without `charset=utf-8`.",
)
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
    for method, path, success in (("POST", "", 201), ("PUT", f"/{task['id']}", 200), ("PATCH", f"/{task['id']}", 200)):
        response = alice.client.request(method, alice.path + path, data=b'{"title": "Buy milk"}', headers=headers)
        assert response.status_code == (status if status == 415 else success)
        if status == 415:
            assert response.json() == {"detail": "Content-Type must be application/json"}
    if status == 415:
        assert alice.all() == [task]


@promise("docs/api.md#what-a-client-may-send", "Its `Content-Type` is `application/json`")
def test_a_body_that_completes_must_be_called_json(alice: Tasks) -> None:
    task = alice.create()
    for content_type in ("text/plain", "application/x-www-form-urlencoded"):
        headers = {"Content-Type": content_type}
        response = alice.complete(task["id"], data=b'{"completed": true}', headers=headers)
        assert (response.status_code, response.json()) == (415, {"detail": "Content-Type must be application/json"})
    assert alice.all() == [task]


def padded(size: int) -> bytes:
    body = json.dumps({"title": "Buy milk", "padding": ""}).encode()
    return body[:-2] + b"x" * (size - len(body)) + body[-2:]


def in_chunks(body: bytes) -> Any:
    yield from (body[start : start + 1000] for start in range(0, len(body), 1000))


@promise("docs/api.md#what-a-client-may-send", "It has at most 64 KiB")
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_may_be_64_kib_and_no_larger(alice: Tasks, chunked: bool) -> None:
    for size, status in ((LIMIT, 201), (LIMIT + 1, 413), (LIMIT + 1024, 413), (1024 * 1024, 413)):
        body = in_chunks(padded(size)) if chunked else padded(size)
        response = alice.client.request("POST", alice.path, data=body, headers=JSON)
        assert response.status_code == status
        assert status == 201 or response.json() == {"detail": "Request body too large"}
    assert len(alice.all()) == 1
