"""An assistant's side of `flask mcp`: the SDK's own client, over both transports."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx2
from mcp import Client, StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, TextContent

from tests.support.issuer import claims, token
from tests.support.project import ROOT, environment
from tests.support.waiting import DEADLINE, wait_for

LISTENING = re.compile(r"Uvicorn running on (http://[\w.:\[\]]+)")

Talk = Callable[["Assistant"], Awaitable[Any]]
Connect = Callable[[Talk], Any]


class Assistant:
    """Calls tools and returns what a model would see."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def call(self, name: str, **arguments: Any) -> dict[str, Any]:
        """Return the structured answer of a call that succeeds."""
        result = await self._call(name, arguments)
        assert not result.is_error, result.content
        answer: dict[str, Any] = result.structured_content
        assert json.loads(text_of(result)) == answer
        return answer

    async def fail(self, name: str, **arguments: Any) -> str:
        """Return the sentence of a call that fails."""
        result = await self._call(name, arguments)
        assert result.is_error, result.content
        assert result.structured_content is None
        return text_of(result)

    async def be_refused(self, name: str, **arguments: Any) -> dict[str, Any]:
        """Return the structured answer of a call that changes nothing and shows tasks."""
        result = await self._call(name, arguments)
        assert result.is_error, result.content
        answer: dict[str, Any] = result.structured_content
        assert json.loads(text_of(result)) == answer
        assert answer["changed"] is False
        return answer

    async def _call(self, name: str, arguments: dict[str, Any]) -> CallToolResult:
        return await self.client.call_tool(name, arguments)


def text_of(result: CallToolResult) -> str:
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text


def over_stdio(url: str, user_id: str, bearer: str | None = None, mode: str = "auto") -> Connect:
    """Return a function that lets an assistant talk to `flask mcp --user`, towards the service at that URL."""
    env = {**environment(MCP_API_URL=url, MCP_TOKEN=bearer or ""), "PATH": os.environ["PATH"]}
    arguments = ["-m", "flask", "--app", str(ROOT / "app"), "mcp", "--user", user_id]
    parameters = StdioServerParameters(command=sys.executable, args=arguments, env=env, cwd="/")

    async def connect(talk: Talk) -> Any:
        with Path(os.devnull).open("w") as log:
            async with Client(stdio_client(parameters, errlog=log), mode=mode) as client:
                return await talk(Assistant(client))

    return lambda talk: anyio.run(connect, talk)


def over_http(url: str, bearer: str | None, mode: str = "auto", **headers: str) -> Connect:
    """Return a function that lets an assistant with that token talk to the server at that URL."""

    async def connect(talk: Talk) -> Any:
        async with opening(url, bearer, mode, **headers) as assistant:
            return await talk(assistant)

    return lambda talk: anyio.run(connect, talk)


@asynccontextmanager
async def opening(url: str, bearer: str | None, mode: str = "auto", **headers: str) -> AsyncIterator[Assistant]:
    """Connect an assistant to the server at that URL."""
    authorization = {"Authorization": f"Bearer {bearer}"} if bearer else {}
    async with (
        httpx2.AsyncClient(headers={**authorization, **headers}, timeout=DEADLINE, trust_env=False) as http,
        Client(streamable_http_client(url, http_client=http), mode=mode) as client,
    ):
        yield Assistant(client)


def bearer_of(user_id: str, **others: Any) -> str:
    """Return a token for that user, signed with the tests' shared secret."""
    return token(claims(user_id, **others))


@contextmanager
def serving_agents(log: Path, url: str, port: int = 0, **settings: str) -> Iterator[str]:
    """Run `flask mcp --http`, towards the service at that URL, and give the URL of the MCP server."""
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "flask", "mcp", "--http", str(port)],
            cwd=ROOT,
            env=environment(MCP_API_URL=url, **settings),
            stdout=file,
            stderr=subprocess.STDOUT,
        )

    def listening() -> re.Match[str] | None:
        assert process.poll() is None, log.read_text()
        return LISTENING.search(log.read_text())

    try:
        yield f"{wait_for(listening)[1]}/mcp"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(DEADLINE)
