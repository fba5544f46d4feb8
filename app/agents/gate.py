"""Who gets in over HTTP: callers with a token that the service accepts, from a host and an origin that are allowed."""

import json
import logging
import re
from collections.abc import Collection
from dataclasses import replace

import httpx2
import jwt
from mcp.server.transport_security import TransportSecurityMiddleware, TransportSecuritySettings
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.agents.api import Caller, Upstream
from app.agents.server import CALLER

logger = logging.getLogger("app.agents")

BEARER = re.compile(r"bearer +([\w.~+/=-]+)", re.IGNORECASE | re.ASCII)
REQUEST_ID = re.compile(r"[A-Za-z0-9._~-]{1,128}")
# The service in its open mode does not answer through a proxy, which this server is: it would publish all tasks.
VIA = {"Via": "1.1 tasks-mcp"}
THIS_MACHINE = ("127.0.0.1", "localhost", "[::1]")


def allow(hosts: Collection[str], origins: Collection[str]) -> TransportSecuritySettings:
    """Return the settings that let requests in which name these hosts, or this machine, on any port.

    A browser tells the origin of the page: without this check any page could let its own name lead to this machine (DNS
    rebinding) and use what it finds.
    """
    names = [*THIS_MACHINE, *hosts]
    allowed = [*names, *(f"{name}:*" for name in names)]
    return TransportSecuritySettings(allowed_hosts=allowed, allowed_origins=list(origins))


class Gate:
    """The application behind a check of each request. Nothing is kept between requests."""

    def __init__(self, app: ASGIApp, upstream: Upstream, security: TransportSecuritySettings) -> None:
        self.app = app
        self.upstream = upstream
        self.security = TransportSecurityMiddleware(security)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that may not come in, and pass on any other, with its caller in the scope."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        refusal = await self.security.validate_request(request)
        caller = None
        if refusal is None:
            caller = await self._identify(request)
            refusal = caller if isinstance(caller, Response) else None
        if refusal is None and request.method != "POST":
            refusal = Response(status_code=405, headers={"Allow": "POST"})  # There are no sessions and no streams.
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        await self.app({**scope, CALLER: caller}, receive, send)

    async def _identify(self, request: Request) -> Caller | Response:
        """Return the caller, whom the service has verified unless it is away, or the refusal."""
        token = BEARER.fullmatch(request.headers.get("Authorization", ""))
        if token is None:
            return _refuse(401, "Not authenticated", 'Bearer realm="tasks"')
        user_id = _read_subject(token[1])
        if user_id is None:
            challenge = 'Bearer realm="tasks", error="invalid_token", error_description="Invalid token"'
            return _refuse(401, "Invalid token", challenge)
        request_id = request.headers.get("X-Request-ID", "")
        headers = VIA | ({"X-Request-ID": request_id} if REQUEST_ID.fullmatch(request_id) else {})
        return await self._verify(Caller(user_id, token[1], headers))

    async def _verify(self, caller: Caller) -> Caller | Response:
        """Ask the service for the tag of the caller's list, which costs it one lookup, and needs a valid token."""
        try:
            answer = await self.upstream.send(caller, "HEAD", "/tasks", headers={"If-None-Match": "*"})
        except httpx2.TransportError as error:
            logger.warning("The service can't be asked about a token: %s", error)
            return replace(caller, is_verified=False)
        if answer.status_code == httpx2.codes.UNAUTHORIZED:
            return _refuse(401, "Invalid token", answer.headers.get("WWW-Authenticate"))
        # A user whom the service does not know by such a name, or the open mode, which answers no proxy.
        if answer.is_client_error and answer.status_code != httpx2.codes.TOO_MANY_REQUESTS:
            return _refuse(403, "Access forbidden")
        return replace(caller, is_verified=not answer.is_error)


def _read_subject(token: str) -> str | None:
    """Return whom a token names, for the path of the API alone: whether that is true, the service decides."""
    try:
        subject = jwt.decode(token, options={"verify_signature": False})["sub"]
    except Exception:  # A hostile token may raise anything in a parser.
        return None
    return subject if isinstance(subject, str) and subject else None


def _refuse(status: int, detail: str, challenge: str | None = None) -> Response:
    headers = {"Cache-Control": "no-store", **({"WWW-Authenticate": challenge} if challenge else {})}
    return Response(json.dumps({"detail": detail}), status, headers, "application/json")
