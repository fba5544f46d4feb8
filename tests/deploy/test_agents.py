"""The server for AI assistants behind the real nginx."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.agents import Assistant, bearer_of, over_http, serving_agents
from tests.support.client import Client
from tests.support.issuer import SECRET
from tests.support.stack import MISSING, Stack, free_port
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.stack, pytest.mark.skipif(bool(MISSING), reason=f"not installed: {MISSING}")]

ORIGIN, NAME = "https://app.example.com", "tasks.example.com"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack that answers a few requests a second and knows where the server for assistants is."""
    directory, port = tmp_path_factory.mktemp("agents"), free_port()
    secured: dict[str, Any] = {"AUTH_MODE": "secret", "JWT_SECRET": SECRET, "CORS_ORIGINS": ORIGIN}
    stack = Stack(directory / "stack", rate=1, agents=f"127.0.0.1:{port}", **secured)
    settings = {"ALLOWED_HOSTS": NAME, "CORS_ORIGINS": ORIGIN}
    with serving_agents(directory / "log", stack.service.url(), port, **settings):
        yield stack
    stack.stop()


@pytest.fixture
def proxied(stack: Stack) -> Client:
    """A client of nginx."""
    return stack.client


def test_an_assistant_works_through_nginx(stack: Stack) -> None:
    url = f"{stack.client.url}/mcp"

    async def talk(assistant: Assistant) -> None:
        added = await assistant.call("add_task", title="Buy milk", description="é" * 5000)
        assert (await assistant.call("list_tasks"))["tasks"][-1]["id"] == added["task"]["id"]

    over_http(url, bearer_of("alice"))(talk)
    over_http(url, bearer_of("alice"), "legacy", **{"Host": NAME, "X-Request-ID": "of-the-assistant"})(talk)
    wait_for(lambda: '"request_id":"of-the-assistant"' in stack.service.log)


def test_without_a_token_nothing_is_answered_through_nginx_either(proxied: Client) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    answer = proxied.request("POST", "/mcp", json=body)
    assert (answer.status_code, answer.json()) == (401, {"detail": "Not authenticated"})
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="tasks"'


def test_only_pages_and_names_of_the_settings_get_in(proxied: Client) -> None:
    bearer = {"Authorization": f"Bearer {bearer_of('alice')}"}
    foreign = proxied.request("POST", "/mcp", json={}, headers={**bearer, "Origin": "https://evil.example"})
    assert foreign.status_code == 403
    assert proxied.request("POST", "/mcp", json={}, headers={**bearer, "Host": "evil.example"}).status_code == 421
    names = "authorization,content-type,mcp-protocol-version"
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": names}
    preflight = proxied.request("OPTIONS", "/mcp", headers={"Origin": ORIGIN, **asked})
    assert (preflight.status_code, preflight.headers["Access-Control-Allow-Origin"]) == (204, ORIGIN)
    assert preflight.headers["Access-Control-Allow-Headers"] == names
    own = proxied.request("POST", "/mcp", json={}, headers={"Origin": ORIGIN})
    assert (own.status_code, own.headers["Access-Control-Allow-Origin"]) == (401, ORIGIN)


def test_what_is_too_large_or_too_much_is_refused_by_nginx(proxied: Client) -> None:
    large = proxied.request("POST", "/mcp", data=b" " * 70_000, headers={"Content-Type": "application/json"})
    assert (large.status_code, large.json()) == (413, {"detail": "Request body too large"})
    statuses = [proxied.request("POST", "/mcp", json={}).status_code for _ in range(450)]
    assert set(statuses) == {401, 429}
    refused = proxied.request("POST", "/mcp", json={})
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")


def test_nginx_serves_without_such_a_server(tmp_path_factory: pytest.TempPathFactory) -> None:
    for agents, status in (("", 404), (f"127.0.0.1:{free_port()}", 503)):
        stack = Stack(tmp_path_factory.mktemp("without") / "stack", agents=agents)
        try:
            assert stack.client.get("/health").status_code == 200
            assert stack.client.request("POST", "/mcp", json={}).status_code == status
        finally:
            stack.stop()
