"""The MCP servers of these tests."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.support.agents import Connect, bearer_of, over_http, over_stdio, serving_agents
from tests.support.client import Client, Tasks


@pytest.fixture(scope="module")
def agents(locked: Client, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an MCP server over HTTP, before the service with a shared secret."""
    with serving_agents(tmp_path_factory.mktemp("agents") / "log", locked.url) as url:
        yield url


@pytest.fixture(scope="module")
def agents_of_open(client: Client, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an MCP server over HTTP, before a service in the open mode."""
    with serving_agents(tmp_path_factory.mktemp("open") / "log", client.url) as url:
        yield url


@pytest.fixture
def user_id() -> str:
    """A user whom no other test has."""
    return f"alice-{uuid4()}"


@pytest.fixture
def tasks(locked: Client, user_id: str) -> Tasks:
    """The tasks of this user, by the API."""
    client = Client(locked.url)
    client.session.headers["Authorization"] = f"Bearer {bearer_of(user_id)}"
    return client.of(user_id)


@pytest.fixture
def connect(agents: str, user_id: str) -> Connect:
    """A function that lets this user's assistant talk over HTTP."""
    return over_http(agents, bearer_of(user_id))


@pytest.fixture(params=["stdio", "http"])
def connect_by_both(request: pytest.FixtureRequest, locked: Client, agents: str, user_id: str) -> Connect:
    """The same over each of the transports."""
    bearer = bearer_of(user_id)
    return over_http(agents, bearer) if request.param == "http" else over_stdio(locked.url, user_id, bearer)
