"""Paths and methods that a proxy in front of the service may answer by itself."""

from uuid import uuid4

import pytest

from tests.support.client import Client, Tasks
from tests.support.faults import CHARACTER, NOT_FOUND, fault


def test_trace_is_not_allowed(alice: Tasks) -> None:
    response = alice.client.request("TRACE", alice.path)
    assert (response.status_code, response.content) == (405, b'{"detail":"Method Not Allowed"}')
    assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}


@pytest.mark.parametrize("path", ["/%00", "//api/alice/tasks", "//metrics"])
def test_an_unknown_path_is_not_found_in_json(client: Client, path: str) -> None:
    response = client.get(path)
    assert (response.status_code, response.content) == (404, b'{"detail":"Not Found"}')
    assert response.headers["Content-Type"] == "application/json"


def test_nul_is_no_id(alice: Tasks) -> None:
    for response in (alice.get("%00"), alice.put("%00", {}), alice.complete("%00"), alice.delete("%00")):
        assert (response.status_code, response.json()) == (404, NOT_FOUND)


@pytest.mark.parametrize("segment", ["%00", "alice%00"])
def test_a_user_id_has_no_nul(client: Client, segment: str) -> None:
    for method, path, body in (("GET", "", None), ("POST", "", {"title": "a"}), ("DELETE", f"/{uuid4()}", None)):
        response = client.request(method, f"/api/{segment}/tasks{path}", json=body)
        assert (response.status_code, response.json()) == (422, {"detail": [fault("path", "user_id", **CHARACTER)]})
