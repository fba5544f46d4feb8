"""Paths and methods: which there are, and what is answered where there are none."""

import re

import pytest

from tests.support.client import Client, Tasks, is_json
from tests.support.promises import promise

pytestmark = pytest.mark.part1


@promise("docs/api.md#paths-and-methods", "A slash at the end of a path is accepted and changes nothing.")
def test_a_trailing_slash_means_the_same_thing(alice: Tasks) -> None:
    slashed = f"{alice.path}/"
    created = alice.client.request("POST", slashed, json={"title": "Buy milk"})
    task = created.json()
    assert created.status_code == 201
    assert created.headers["Location"] == f"{alice.path}/{task['id']}"
    assert alice.client.get(slashed).json() == [task]
    assert alice.client.get(f"{slashed}{task['id']}/").json() == task
    assert alice.client.request("PUT", f"{slashed}{task['id']}/", json={"title": "New"}).json()["title"] == "New"
    assert alice.client.request("PATCH", f"{slashed}{task['id']}/", json={"title": "Old"}).json()["title"] == "Old"
    assert alice.client.request("PATCH", f"{slashed}{task['id']}/complete/").json()["completed"] is True
    assert alice.client.request("DELETE", f"{slashed}{task['id']}/").status_code == 200


@promise("docs/api.md#paths-and-methods", "`HEAD` works wherever `GET` does.")
def test_head_is_get_without_the_body(alice: Tasks) -> None:
    task = alice.create()
    for path in (alice.path, f"{alice.path}/{task['id']}"):
        got, head = alice.client.get(path), alice.client.request("HEAD", path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers.get("Content-Length") in (None, got.headers.get("Content-Length"))
        assert head.headers["Content-Type"] == got.headers["Content-Type"]


@promise("docs/api.md#errors", 'the path has no such method; `Allow` names those it has | `"Method Not Allowed"`')
@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("", {"GET", "HEAD", "OPTIONS", "POST"}),
        ("/x", {"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"}),
        ("/x/complete", {"PATCH", "OPTIONS"}),
    ],
)
def test_other_methods_are_not_allowed(alice: Tasks, path: str, allowed: set[str]) -> None:
    for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "PROPFIND"} - allowed:
        response = alice.client.request(method, alice.path + path)
        assert response.status_code == 405
        assert {*re.split(", *", response.headers["Allow"])} == allowed
        assert method == "HEAD" or response.json() == {"detail": "Method Not Allowed"}
    options = alice.client.request("OPTIONS", alice.path + path)
    assert (options.status_code, options.content) in ((200, b""), (204, b""))
    assert {*re.split(", *", options.headers["Allow"])} == allowed


@promise("docs/api.md#errors", "Every error, of every route, is JSON with the one member `detail`.")
@pytest.mark.parametrize(
    "path",
    ["/nope", "/api", "/api/alice", "/api/alice/task", "/api/alice/tasks/x/y", "/health/x", "/%FF"],
)
def test_an_unknown_route_is_not_found_in_json(client: Client, path: str) -> None:
    response = client.get(path)
    assert (response.status_code, response.json()) == (404, {"detail": "Not Found"})
    assert is_json(response)
