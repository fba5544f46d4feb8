"""Who gets in over HTTP, and who does not."""

from typing import Any
from uuid import uuid4

import pytest
import requests

from tests.support.agents import Assistant, Connect, bearer_of, over_http
from tests.support.client import Client, Tasks
from tests.support.issuer import claims, raw, token
from tests.support.waiting import DEADLINE

CALL = {"name": "list_tasks", "arguments": {}}
NO_TOKEN = 'Bearer realm="tasks"'


def post(url: str, method: str, params: Any = None, **headers: str) -> requests.Response:
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}}
    accept = {"Accept": "application/json, text/event-stream"}
    return requests.post(url, json=body, headers={**accept, **headers}, timeout=DEADLINE)


def bearing(bearer: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {bearer}"}


@pytest.mark.parametrize("method", ["initialize", "tools/list", "tools/call", "server/discover", "ping", "nonsense"])
@pytest.mark.parametrize("header", [None, "", "Basic YWxpY2U6eA==", "Bearer", "bearer a b"])
def test_without_a_token_nothing_is_answered(agents: str, method: str, header: str | None) -> None:
    answer = post(agents, method, CALL, **({} if header is None else {"Authorization": header}))
    assert (answer.status_code, answer.json()) == (401, {"detail": "Not authenticated"})
    assert answer.headers["WWW-Authenticate"] == NO_TOKEN


@pytest.mark.parametrize(
    "bearer",
    [
        "x",
        "a.b.c",
        raw({"alg": "none"}, claims("bob")),
        token(claims("bob"), "another secret of more than 32 bytes, which nobody knows"),
        token(claims("bob", exp=1)),
        token(claims(5)),
        token(claims(None)),
    ],
    ids=["no token", "no JWT", "unsigned", "forged", "expired", "no text", "nobody"],
)
def test_a_token_that_is_not_valid_gets_nothing(agents: str, bearer: str) -> None:
    for method in ("initialize", "tools/list", "tools/call"):
        answer = post(agents, method, CALL, **bearing(bearer))
        assert (answer.status_code, list(answer.json())) == (401, ["detail"])
        assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="tasks", error="invalid_token"')


@pytest.mark.parametrize("subject", ["../bob", "..", ".", "bob/tasks", "bob?", "\x00", "x" * 300])
def test_a_subject_that_would_be_a_path_reaches_nobody(locked: Client, agents: str, subject: str) -> None:
    answer = post(agents, "tools/call", CALL, **bearing(bearer_of(subject)))
    if answer.status_code == 200:  # It is a user like any other.
        assert answer.json()["result"]["structuredContent"]["total"] == 0
    else:
        assert (answer.status_code, answer.json()) == (403, {"detail": "Access forbidden"})


def test_an_expired_token_is_told_so(agents: str) -> None:
    answer = post(agents, "tools/list", **bearing(bearer_of("alice", exp=1)))
    assert 'error_description="Token has expired"' in answer.headers["WWW-Authenticate"]


def test_one_user_reaches_nothing_of_another(agents: str, tasks: Tasks, connect: Connect) -> None:
    task = tasks.create("Buy milk")

    async def talk(bob: Assistant) -> None:
        assert (await bob.call("list_tasks"))["total"] == 0
        for name, arguments in (
            ("list_tasks", {}),
            ("update_task", {"version": 1, "title": "Mine"}),
            ("complete_task", {}),
            ("delete_task", {"version": 1}),
        ):
            for reference in (task["id"], "milk"):
                assert "The user has no such task" in await bob.fail(name, task=reference, **arguments)

    over_http(agents, bearer_of(f"bob-{uuid4()}"))(talk)
    assert tasks.all() == [task]


def test_a_session_of_one_is_nothing_to_another(agents: str, tasks: Tasks) -> None:
    """Whatever a client sends of sessions, the token alone decides."""
    task = tasks.create("Buy milk")
    opened = post(agents, "initialize", INITIALIZE, **bearing(bearer_of(tasks.user_id)))
    assert opened.status_code == 200
    assert "Mcp-Session-Id" not in opened.headers
    for bearer, count in ((bearer_of("nobody"), 0), (bearer_of(tasks.user_id), 1)):
        answer = post(agents, "tools/call", CALL, **bearing(bearer), **{"Mcp-Session-Id": "1"})
        assert answer.json()["result"]["structuredContent"]["total"] == count
    assert tasks.all() == [task]


INITIALIZE = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "1"},
}


@pytest.mark.parametrize(
    ("header", "value", "status"),
    [
        ("Origin", "https://evil.example", 403),
        ("Origin", "null", 403),
        ("Origin", "http://localhost:3000", 403),
        ("Host", "evil.example", 421),
        ("Host", "127.0.0.1.evil.example", 421),
    ],
)
def test_a_foreign_page_gets_nothing_even_with_a_token(agents: str, header: str, value: str, status: int) -> None:
    answer = post(agents, "tools/list", **bearing(bearer_of("alice")), **{header: value})
    assert answer.status_code == status
    assert "tools" not in answer.text


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT", "HEAD"])
def test_there_are_no_streams_and_no_sessions(agents: str, method: str) -> None:
    answer = requests.request(method, agents, headers=bearing(bearer_of("alice")), timeout=DEADLINE)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"[" * 100_000, b"null", b"\xff", b'{"jsonrpc":"2.0","id":1}'])
def test_what_is_no_message_is_refused(agents: str, body: bytes) -> None:
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    answer = requests.post(agents, body, headers=headers | bearing(bearer_of("alice")), timeout=DEADLINE)
    assert 400 <= answer.status_code < 500
    assert "Traceback" not in answer.text


def test_a_body_of_any_size_is_not_read(agents: str) -> None:
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    answer = requests.post(agents, b" " * 200_000, headers=headers | bearing(bearer_of("alice")), timeout=DEADLINE)
    assert answer.status_code == 413


def test_the_open_service_is_not_published(client: Client, agents_of_open: str) -> None:
    """Anybody can write a token that the open mode does not look at."""
    assert client.of("alice").list_tasks().status_code == 200
    answer = post(agents_of_open, "tools/list", **bearing(bearer_of("alice")))
    assert (answer.status_code, answer.json()) == (403, {"detail": "Access forbidden"})
