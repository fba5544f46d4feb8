"""The two ways to an assistant: standard input and output, and HTTP."""

from collections.abc import Collection
from functools import partial

import anyio
import uvicorn
from mcp.server.stdio import stdio_server
from mcp.server.transport_security import TransportSecuritySettings
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from app.agents.api import Caller, Upstream, connecting
from app.agents.gate import Gate, allow
from app.agents.server import make_server

MAX_BODY = 128 * 1024  # bytes: a task of the largest size, with each character escaped twice
KEEP_ALIVE = 30  # seconds, longer than nginx keeps its idle connections to us
GRACE = 30  # seconds, to answer what was begun
READABLE = ("WWW-Authenticate", "X-Request-ID", "Retry-After")


def serve_stdio(url: str, user_id: str, token: str | None) -> None:
    """Serve one user over standard input and output, until the input ends."""
    anyio.run(_serve_stdio, url, Caller(user_id, token))


def serve_http(url: str, address: tuple[str, int], hosts: Collection[str], origins: Collection[str]) -> None:
    """Serve every user who brings a token, at `/mcp` of that address, until a signal ends this process."""
    anyio.run(partial(_serve_http, url, address, hosts, origins))


async def _serve_stdio(url: str, caller: Caller) -> None:
    async with connecting(url) as upstream, stdio_server() as (incoming, outgoing):
        server = make_server(upstream, caller)
        await server.run(incoming, outgoing, server.create_initialization_options())


async def _serve_http(url: str, address: tuple[str, int], hosts: Collection[str], origins: Collection[str]) -> None:
    async with connecting(url) as upstream:
        host, port = address
        config = uvicorn.Config(
            make_http_app(upstream, hosts, origins),
            host,
            port,
            log_config=None,  # The loggers of this process are set up already.
            access_log=False,  # The service writes a line for each request.
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE,
            timeout_graceful_shutdown=GRACE,
        )
        await uvicorn.Server(config).serve()


def make_http_app(upstream: Upstream, hosts: Collection[str], origins: Collection[str]) -> ASGIApp:
    """Return the server as an ASGI application.

    Without sessions each request stands for itself: nothing that belongs to one token can be reached with another.
    """
    # The gate has checked `Host` and `Origin` by then; the SDK's own default would let in this machine only.
    checked = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    app: ASGIApp = make_server(upstream).streamable_http_app(
        stateless_http=True, json_response=True, max_request_body_size=MAX_BODY, transport_security=checked
    )
    app = Gate(app, upstream, allow(hosts, origins))
    if origins:
        app = CORSMiddleware(
            app, allow_origins=origins, allow_methods=["POST"], allow_headers=["*"], expose_headers=READABLE
        )
    return app
