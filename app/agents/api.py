"""The client of the public API: one request for each function, and a sentence for everything that can go wrong."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import anyio
import httpx2

from app.agents.failures import NO_ANSWER, NOT_REACHABLE, Refused, TaskUnknown, Unclear, VersionOutdated, describe
from config import PRODUCT

CONNECTIONS = 16  # to the service; further calls wait for one
TIMEOUT = httpx2.Timeout(30, connect=5)  # seconds
ATTEMPTS = 2
FULL = {"view": "full"}
NEXT = re.compile(r'<([^>]*)>; rel="next"')


@dataclass(frozen=True)
class Caller:
    """For whom a call acts. The service verifies the token; here its subject only makes the path."""

    user_id: str
    token: str | None = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    is_verified: bool = True


@dataclass(frozen=True)
class Page:
    """A part of a list."""

    tasks: list[dict[str, Any]]
    total: int
    cursor: str | None


class Upstream:
    """The connections to the service, which all callers share. Nothing of a caller stays in them."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self.http = http
        self.slots = anyio.Semaphore(CONNECTIONS)

    async def send(
        self, caller: Caller, method: str, path: str, *, headers: Mapping[str, str] | None = None, **kwargs: Any
    ) -> httpx2.Response:
        """Send a request in the name of the caller. Raises `httpx2.HTTPError`."""
        authorization = {"Authorization": f"Bearer {caller.token}"} if caller.token else {}
        async with self.slots:
            return await self.http.request(
                method,
                f"/api/{quote(caller.user_id, safe='')}{path}",
                headers={**caller.headers, **authorization, **(headers or {})},
                **kwargs,
            )


@asynccontextmanager
async def connecting(url: str) -> AsyncIterator[Upstream]:
    """Open the connections to the service at that URL, for as long as the block takes."""
    limits = httpx2.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS, keepalive_expiry=15)
    headers = {"User-Agent": f"{PRODUCT} (MCP)"}
    async with httpx2.AsyncClient(
        base_url=url, headers=headers, limits=limits, timeout=TIMEOUT, trust_env=False
    ) as http:
        yield Upstream(http)


class TasksAPI:
    """The tasks of one caller."""

    def __init__(self, upstream: Upstream, caller: Caller) -> None:
        self._upstream = upstream
        self._caller = caller

    async def list_tasks(self, parameters: list[tuple[str, str]]) -> Page:
        """Return the part of the list that these parameters of the API ask for. Raises `Refused`."""
        response = await self._ask("GET", params=[*FULL.items(), *parameters], is_repeatable=True)
        found = NEXT.search(response.headers.get("Link", ""))
        cursor = parse_qs(urlsplit(found[1]).query)["cursor"][0] if found else None
        return Page(response.json(), int(response.headers["X-Total-Count"]), cursor)

    async def get(self, task_id: str) -> dict[str, Any]:
        """Return a task. Raises `TaskUnknown` or `Refused`."""
        return _task(await self._ask("GET", task_id, is_repeatable=True))

    async def add(self, fields: dict[str, Any], key: str) -> tuple[dict[str, Any], bool]:
        """Create a task, once for each key. Return it, and whether it was there already. Raises `Refused`."""
        response = await self._ask("POST", json=fields, headers={"Idempotency-Key": key}, is_repeatable=True)
        return _task(response), response.headers.get("Idempotent-Replayed") == "true"

    async def update(self, task_id: str, version: int, fields: dict[str, Any]) -> dict[str, Any]:
        """Change these fields of a task. Raises `TaskUnknown`, `VersionOutdated` or `Refused`."""
        return _task(await self._ask("PUT", task_id, json=fields, headers=_if_match(version)))

    async def set_completed(self, task_id: str, completed: bool, version: int | None, key: str) -> dict[str, Any]:
        """Complete or reopen a task. Raises `TaskUnknown`, `VersionOutdated` or `Refused`."""
        headers = {"Idempotency-Key": key, **({} if version is None else _if_match(version))}
        body = {"completed": completed}
        return _task(await self._ask("PATCH", task_id, "/complete", json=body, headers=headers, is_repeatable=True))

    async def delete(self, task_id: str, version: int) -> None:
        """Remove a task for good. Raises `TaskUnknown`, `VersionOutdated` or `Refused`."""
        await self._ask("DELETE", task_id, headers=_if_match(version))

    async def _ask(
        self, method: str, task_id: str | None = None, suffix: str = "", *, is_repeatable: bool = False, **kwargs: Any
    ) -> httpx2.Response:
        """Send a request, and once more where the connection broke and a repetition has no further effect."""
        path = "/tasks" if task_id is None else f"/tasks/{quote(task_id, safe='')}{suffix}"
        may_change = method != "GET"
        kwargs.setdefault("params", FULL)
        try:
            response = await self._send(method, path, ATTEMPTS if is_repeatable else 1, **kwargs)
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:  # Nothing was sent.
            raise Refused(NOT_REACHABLE) from error
        except httpx2.TransportError as error:
            raise (Unclear(NO_ANSWER) if may_change else Refused(NOT_REACHABLE)) from error
        if response.status_code == httpx2.codes.PRECONDITION_FAILED and task_id is not None:
            raise VersionOutdated(task_id)
        return _checked(response, may_change=may_change)

    async def _send(self, method: str, path: str, attempts: int, **kwargs: Any) -> httpx2.Response:
        try:
            return await self._upstream.send(self._caller, method, path, **kwargs)
        except (httpx2.ReadError, httpx2.WriteError, httpx2.RemoteProtocolError):
            if attempts == 1:
                raise
            return await self._send(method, path, attempts - 1, **kwargs)


def _checked(response: httpx2.Response, *, may_change: bool) -> httpx2.Response:
    if response.is_success:
        return response
    try:
        detail = response.json()["detail"]
    except (ValueError, KeyError, TypeError):
        detail = None
    if response.status_code == httpx2.codes.NOT_FOUND and detail == "Task not found":
        raise TaskUnknown()
    raise describe(response.status_code, detail, response.headers.get("Retry-After"), may_change=may_change)


def _task(response: httpx2.Response) -> dict[str, Any]:
    task: dict[str, Any] = response.json()
    return task


def _if_match(version: int) -> dict[str, str]:
    return {"If-Match": f'"{version}"'}
