"""What a model is told when something goes wrong, and that many calls at once are answered."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import anyio
import pytest
import requests
from flask import Flask

from tests.support.agents import Assistant, bearer_of, opening, over_http, over_stdio, serving_agents
from tests.support.authorization import NOWHERE
from tests.support.client import Client, Tasks
from tests.support.issuer import SECRET
from tests.support.service import running
from tests.support.waiting import DEADLINE

NOBODY = "http://127.0.0.1:9"


@contextmanager
def forwarding(url: str, losses: int, status: int | None = None) -> Iterator[str]:
    """Run a proxy that passes requests on, but loses the first answers to writes, or gives another status instead."""
    left = [losses]

    class Handler(BaseHTTPRequestHandler):
        def _forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer = requests.request(
                self.command, url + self.path, data=body, headers=dict(self.headers), timeout=DEADLINE
            )
            if self.command not in ("GET", "HEAD") and left[0]:
                left[0] -= 1
                if status is None:
                    self.close_connection = True
                    return
                answer.status_code = status
                answer.headers["Retry-After"] = "7"
            self.send_response(answer.status_code)
            for name in ("Content-Type", "X-Total-Count", "Idempotent-Replayed", "Retry-After"):
                if name in answer.headers:
                    self.send_header(name, answer.headers[name])
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _forward  # noqa: N815 -- Named by the library.

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_an_addition_whose_answer_was_lost_is_repeated_and_makes_one_task(locked: Client, tasks: Tasks) -> None:
    async def talk(assistant: Assistant) -> None:
        assert (await assistant.call("add_task", title="Buy milk"))["task"]["title"] == "Buy milk"

    with forwarding(locked.url, losses=1) as url:
        over_stdio(url, tasks.user_id, bearer_of(tasks.user_id))(talk)
    assert len(tasks.all()) == 1


@pytest.mark.parametrize("status", [None, 503])
def test_an_addition_that_stays_unclear_is_repeated_by_the_model(
    locked: Client, tasks: Tasks, status: int | None
) -> None:
    async def talk(assistant: Assistant) -> None:
        sentence = await assistant.fail("add_task", title="Buy milk")
        assert "Repeat the call with the request_id" in sentence
        assert ("Wait 7 s" in sentence) == (status == 503)
        repeated = await assistant.call("add_task", title="Buy milk", request_id=sentence.split('"')[1])
        assert repeated["changed"] is False

    with forwarding(locked.url, losses=2 if status is None else 1, status=status) as url:
        over_stdio(url, tasks.user_id, bearer_of(tasks.user_id))(talk)
    assert len(tasks.all()) == 1


def test_a_change_whose_answer_was_lost_is_not_repeated(locked: Client, tasks: Tasks) -> None:
    task = tasks.create("Buy milk")

    async def talk(assistant: Assistant) -> None:
        sentence = await assistant.fail("update_task", task=task["id"], version=1, title="Buy bread")
        assert "it is not known whether the change was made. Look with list_tasks" in sentence
        assert (await assistant.call("list_tasks"))["tasks"][0]["title"] == "Buy bread"

    with forwarding(locked.url, losses=1) as url:
        over_stdio(url, tasks.user_id, bearer_of(tasks.user_id))(talk)


CALLS: list[tuple[str, dict[str, Any]]] = [
    ("list_tasks", {}),
    ("add_task", {"title": "Buy milk"}),
    ("update_task", {"task": "milk", "version": 1, "title": "Buy bread"}),
    ("complete_task", {"task": "milk"}),
    ("delete_task", {"task": "milk", "version": 1}),
]


def all_fail_with(*words: str) -> Any:
    async def talk(assistant: Assistant) -> None:
        for name, arguments in CALLS:
            sentence = await assistant.fail(name, **arguments)
            assert all(word in sentence for word in words), sentence

    return talk


def test_a_database_that_is_away_is_told_over_both_transports(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"DATABASE_URL": NOWHERE, "AUTH_MODE": "secret", "JWT_SECRET": SECRET}
    with running(tmp_path / "log", **settings) as client, serving_agents(tmp_path / "agents", client.url) as url:
        talk = all_fail_with("can't reach its database now", "Wait 1 s")
        over_stdio(client.url, "alice", bearer_of("alice"))(talk)
        over_http(url, bearer_of("alice"))(talk)


def test_a_service_that_is_away_is_told_over_both_transports(tmp_path: Path) -> None:
    talk = all_fail_with("can't be reached")
    over_stdio(NOBODY, "alice")(talk)
    with serving_agents(tmp_path / "agents", NOBODY) as url:
        over_http(url, bearer_of("alice"))(talk)


@pytest.mark.parametrize(
    ("bearer", "words"),
    [
        (bearer_of("alice", exp=1), "The access token has expired."),
        ("nonsense", "The access token is not valid."),
        (None, "No access token was given"),
        (bearer_of("bob"), "The access token belongs to another user"),
    ],
)
def test_a_token_that_is_refused_is_told(locked: Client, bearer: str | None, words: str) -> None:
    over_stdio(locked.url, "alice", bearer)(all_fail_with(words, "does not help"))


def test_the_limit_of_tasks_is_told(app: Flask, tmp_path: Path, user_id: str) -> None:
    async def talk(assistant: Assistant) -> None:
        await assistant.call("add_task", title="Buy milk")
        assert "as many tasks as are allowed" in await assistant.fail("add_task", title="Buy bread")

    with running(tmp_path / "log", DATABASE_URL=app.config["DATABASE_URL"], MAX_TASKS_PER_USER="1") as client:
        over_stdio(client.url, user_id)(talk)


def test_too_many_requests_are_told(locked: Client, tasks: Tasks) -> None:
    async def talk(assistant: Assistant) -> None:
        assert "Too many requests. Nothing was changed. Wait 7 s" in await assistant.fail("add_task", title="Buy milk")

    with forwarding(locked.url, losses=1, status=429) as url:
        over_stdio(url, tasks.user_id, bearer_of(tasks.user_id))(talk)


def test_five_hundred_calls_at_once_are_answered(agents: str, tasks: Tasks, user_id: str) -> None:
    async def add(assistant: Assistant, number: int) -> None:
        assert (await assistant.call("add_task", title=f"Task {number}"))["changed"]

    async def talk() -> None:
        async with opening(agents, bearer_of(user_id)) as assistant, anyio.create_task_group() as group:
            await assistant.client.list_tools()
            for number in range(500):
                group.start_soon(add, assistant, number)

    anyio.run(talk)
    assert sorted(task["title"] for task in tasks.all()) == sorted(f"Task {number}" for number in range(500))


def test_neither_token_nor_user_is_written_to_the_log(tmp_path: Path, locked: Client, user_id: str) -> None:
    async def talk(assistant: Assistant) -> None:
        await assistant.call("list_tasks")
        await assistant.fail("add_task", title=" ")

    log = tmp_path / "log"
    with serving_agents(log, locked.url) as url:
        over_http(url, bearer_of(user_id))(talk)
    assert "Uvicorn running" in log.read_text()
    assert "eyJ" not in log.read_text()
    assert user_id not in log.read_text()
