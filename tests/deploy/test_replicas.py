"""Replicas that answer reads, as docs/scaling.md describes them."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask

from app.database.embedded import SUPERUSER, EmbeddedServer
from tests.support.client import REQUESTS, Tasks, token_of
from tests.support.databases import connected, following
from tests.support.project import documented
from tests.support.service import Service, running
from tests.support.stack import MISSING, Stack, free_port
from tests.support.waiting import wait_for


def test_a_replica_answers_reads_and_503_to_writes(postgresql: EmbeddedServer, app: Flask, tmp_path: Path) -> None:
    with (
        running(tmp_path / "primary", DATABASE_URL=app.config["DATABASE_URL"]) as primary,
        following(postgresql, tmp_path) as standby,
        running(tmp_path / "replica", DATABASE_URL=standby.url()) as replica,
    ):
        alice = primary.of(f"alice-{uuid4()}")
        task = alice.create()
        mirrored = replica.of(alice.user_id)
        wait_for(lambda: mirrored.all() == [task])
        for name, request in REQUESTS.items():
            answer = request(mirrored, task["id"])
            if name in ("list", "read", "change nothing"):
                assert answer.status_code == 200
            else:
                assert (answer.status_code, answer.json()) == (503, {"detail": "Service temporarily unavailable"})
                assert int(answer.headers["Retry-After"]) > 0
        ready = replica.get("/health/ready")
        assert (ready.status_code, ready.json()) == (
            200,
            {"status": "ready", "row_security": "enforced", "read_only": True},
        )
        assert alice.all() == mirrored.all() == [task]
    assert '"sqlstate":"25006"' in (tmp_path / "replica").read_text()


@pytest.fixture
def replicated(postgresql: EmbeddedServer, app: Flask, tmp_path: Path) -> Iterator[tuple[Tasks, Tasks, Any]]:
    """Give a user's tasks at the primary, and at a replica that knows nothing of the user yet; and a cursor there."""
    with (
        running(tmp_path / "primary", DATABASE_URL=app.config["DATABASE_URL"]) as primary,
        following(postgresql, tmp_path) as standby,
        running(tmp_path / "replica", DATABASE_URL=standby.url()) as replica,
        connected(standby.url(SUPERUSER)) as cursor,
    ):
        alice = primary.of(f"alice-{uuid4()}")
        yield alice, replica.of(alice.user_id), cursor


def test_a_replica_that_does_not_know_the_user_yet_has_clients_start_anew(
    replicated: tuple[Tasks, Tasks, Any],
) -> None:
    """It can't tell a user who is new from one who was erased, whose tasks clients must forget."""
    alice, mirrored, cursor = replicated
    pause_replay(cursor)
    task = alice.create()
    expired = mirrored.changes(f"?since={token_of(alice.list_tasks())}")
    assert (expired.status_code, expired.json()) == (410, {"detail": "Sync token expired"})
    empty = mirrored.changes().json()
    assert empty == {"tasks": [], "deleted": [], "token": "0-0", "has_more": False}
    resume_replay(cursor)
    wait_for(lambda: mirrored.all() == [task])
    changes = mirrored.changes(f"?since={empty['token']}").json()
    assert (changes["tasks"], changes["token"]) == ([task], token_of(alice.list_tasks()))


def test_a_replica_that_lags_adds_nothing_to_a_run_of_pages(replicated: tuple[Tasks, Tasks, Any]) -> None:
    """Each run begins at the primary. The replica may have less than the first page, or all of it, but not the rest."""
    alice, mirrored, cursor = replicated
    tasks = [alice.create(title) for title in "abc"]
    since = token_of(alice.list_tasks())
    wait_for(lambda: mirrored.all() == tasks)
    for title in ("less", "all of it"):
        changed = [alice.put(task["id"], {"title": title}).json() for task in tasks[:2]]
        if title == "all of it":
            wait_for(lambda: mirrored.all() == alice.all())
        pause_replay(cursor)
        if title == "less":
            changed = [alice.put(task["id"], {"title": "much less"}).json() for task in tasks[:2]]
        last = alice.put(tasks[2]["id"], {"title": title}).json()
        for query in ("?limit=1", f"?limit=1&since={since}"):
            page = alice.changes(query).json()
            assert (page["tasks"], page["has_more"]) == (changed[:1], True)
            answer = mirrored.changes(f"?since={page['token']}").json()
            assert answer == {**page, "tasks": [], "deleted": []}
        resume_replay(cursor)
        wait_for(lambda: mirrored.all() == alice.all())
        rest = mirrored.changes(f"?since={page['token']}").json()
        assert rest == {
            "tasks": [changed[1], last],
            "deleted": [],
            "token": token_of(alice.list_tasks()),
            "has_more": False,
        }


def pause_replay(cursor: Any) -> None:
    """Let the standby lag from now on."""

    def is_paused() -> bool:
        cursor.execute("SELECT pg_get_wal_replay_pause_state()")
        return bool(cursor.fetchone()[0] == "paused")

    cursor.execute("SELECT pg_wal_replay_pause()")
    wait_for(is_paused)


def resume_replay(cursor: Any) -> None:
    """Let the standby catch up."""
    cursor.execute("SELECT pg_wal_replay_resume()")


def methods(log: str) -> set[str]:
    """Return the methods of the requests about tasks that a service wrote of."""
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    return {line["method"] for line in lines if line.get("route", "").startswith("/api/")}


@pytest.mark.stack
@pytest.mark.skipif(bool(MISSING), reason=f"not installed: {MISSING}")
def test_the_documented_lines_of_nginx_send_reads_to_the_replicas(tmp_path: Path) -> None:
    port = free_port()
    replicas = documented("nginx", "upstream replicas").replace("replica:8000", f"127.0.0.1:{port}")
    edits = {
        "    upstream service {": f"{replicas}\n    upstream service {{",
        "proxy_pass http://service;": documented("nginx", "proxy_pass"),
    }
    with ExitStack() as started:
        stack = Stack(tmp_path / "stack", edits=edits)
        started.callback(stack.stop)
        standby = started.enter_context(following(stack.postgresql, tmp_path))
        replica = Service(
            tmp_path / "replica", port=port, DATABASE_URL=standby.url(), TRUSTED_PROXIES="1", ALLOW_PUBLIC_OPEN="true"
        )
        started.callback(replica.stop)
        replica.url()
        alice = stack.client.of("alice")
        task = alice.create()
        wait_for(lambda: alice.all() == [task])
        for request in REQUESTS.values():
            assert request(alice, task["id"]).status_code in (200, 201)
        assert stack.client.request("HEAD", alice.path).status_code == 200
        wait_for(lambda: methods(replica.log) == {"GET", "HEAD"})  # A line is written after its answer.
        wait_for(lambda: methods(stack.service.log) == {"POST", "PUT", "PATCH", "DELETE"})
        # The primary takes over, be it the replica's database that fails or its service.
        standby.pg_ctl("stop", "-m", "immediate")
        assert alice.list_tasks().status_code == 200
        replica.stop()
        assert alice.list_tasks().status_code == 200
        wait_for(lambda: "GET" in methods(stack.service.log))
