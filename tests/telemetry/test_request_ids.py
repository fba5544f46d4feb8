"""The id of each request: the one that the client sent, where it is well formed, or a new one."""

import re

import pytest

from tests.support.client import Client


@pytest.mark.parametrize("sent", ["a", "x" * 128, "01a2-B_c.d~e"])
def test_a_sane_request_id_is_taken(client: Client, sent: str) -> None:
    for path, status in (("/health", 200), ("/nope", 404), ("/api/a/tasks/x", 404), (f"/api/{'x' * 256}/tasks", 422)):
        response = client.request("GET", path, headers={"X-Request-ID": sent})
        assert (response.status_code, response.headers["X-Request-ID"]) == (status, sent)


@pytest.mark.parametrize("sent", ["", "x" * 129, "a b", 'a"b', "a,b", "ä", '{"level": "ERROR"}'])
def test_another_request_id_is_replaced(client: Client, sent: str) -> None:
    response = client.request("GET", "/health", headers={"X-Request-ID": sent.encode()})
    assert re.fullmatch("[0-9a-f]{32}", response.headers["X-Request-ID"])
    long = client.get("/" + "x" * 8000)
    assert re.fullmatch("[0-9a-f]{32}", long.headers["X-Request-ID"])
