"""Downloads of any length, and clients that do not read them: what they keep busy, and for how long."""

import os
import re
import select
from pathlib import Path
from tempfile import gettempdir
from uuid import uuid4

import pytest
import requests
from flask import Flask

from app.database.embedded import SUPERUSER, EmbeddedServer
from app.web import downloads
from config import GRANIAN, GTHREAD
from tests.support.connections import THREADS, Connect, Connection, Start, request
from tests.support.databases import connected
from tests.support.service import Service
from tests.support.waiting import wait_for

MANY = 10_000  # tasks
MEBIBYTE = 1024 * 1024
LONG = "ä" * 2000
SLOTS = THREADS // 2


@pytest.fixture(scope="module")
def rich(app: Flask, postgresql: EmbeddedServer) -> str:
    """The path of a user with as many tasks as are allowed, all of them long."""
    user_id = f"rich-{uuid4()}"
    with connected(postgresql.url(SUPERUSER)) as cursor:
        cursor.execute(
            "INSERT INTO tasks (user_id, title, description, tags) SELECT %s, 'Task ' || n, %s, '{a,b}'"
            " FROM generate_series(1, %s) AS n",
            (user_id, LONG, MANY),
        )
    return f"/api/{user_id}"


@pytest.fixture(params=[GRANIAN, GTHREAD])
def busy(request: pytest.FixtureRequest, start: Start) -> Service:
    """A service with one slot for long downloads, on either worker class."""
    return start(WORKER_CLASS=request.param)


def peak_memory(service: Service) -> int:
    """Return how much memory the worker has had at most, in bytes."""
    status = Path(f"/proc/{service.workers()[-1]}/status").read_text()
    return int(re.findall(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)[0]) * 1024


def spooled_files(service: Service) -> list[str]:
    """Return the files without a name that the worker has open, as paths."""
    directory = f"/proc/{service.workers()[-1]}/fd"
    return [f"{directory}/{fd}" for fd in os.listdir(directory) if is_spooled(f"{directory}/{fd}")]  # noqa: PTH208 -- names


def is_spooled(path: str) -> bool:
    try:
        target = os.readlink(path)  # noqa: PTH115 -- what it returns is no path
    except FileNotFoundError:
        return False
    return target.startswith(gettempdir()) and target.endswith(" (deleted)")


def wait_for_news(connection: Connection) -> None:
    """Wait until the answer has begun, and read nothing of it."""
    wait_for(lambda: select.select([connection.socket], [], [], 0)[0])


def busy_sessions(server: EmbeddedServer) -> int:
    with connected(server.url(SUPERUSER)) as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'")
        return int(cursor.fetchone()[0])


@pytest.mark.parametrize("name", ["json", "csv", "ics"])
def test_ten_thousand_tasks_are_not_held_in_memory(start: Start, rich: str, name: str) -> None:
    service = start(THREADS="1")
    assert service.client.get(f"/api/nobody/export?format={name}").status_code == 200
    before = peak_memory(service)
    with service.client.request("GET", f"{rich}/export?format={name}", stream=True) as answer:
        assert (answer.status_code, answer.headers["X-Total-Count"]) == (200, str(MANY))
        read = sum(len(part) for part in answer.iter_content(MEBIBYTE))
    assert read == int(answer.headers["Content-Length"]) > MANY * len(LONG.encode())
    assert peak_memory(service) - before < 16 * MEBIBYTE


def test_an_export_of_ten_thousand_tasks_has_each_of_them_once(start: Start, rich: str) -> None:
    export = start().client.get(f"{rich}/export").json()
    assert export["count"] == MANY
    assert [task["title"] for task in export["tasks"]] == [f"Task {n}" for n in range(1, MANY + 1)]


def test_clients_that_read_nothing_hold_no_snapshot_and_not_all_threads(
    busy: Service, connect: Connect, postgresql: EmbeddedServer, rich: str
) -> None:
    silent = connect(busy)
    silent.send(request(f"{rich}/export"))
    wait_for_news(silent)
    assert busy_sessions(postgresql) == 0
    refused = busy.client.get(f"{rich}/export")
    assert (refused.status_code, refused.json()) == (503, {"detail": "Service temporarily unavailable"})
    assert refused.headers["Retry-After"] == str(downloads.RETRY_AFTER)
    assert "Content-Disposition" not in refused.headers
    assert busy.client.get("/api/nobody/export").status_code == 200
    assert len(spooled_files(busy)) == 1

    silent.reset()
    wait_for(lambda: not spooled_files(busy))
    assert busy.client.request("HEAD", f"{rich}/export").status_code == 200
    assert busy.client.get(f"{rich}/export").json()["count"] == MANY


def test_a_client_that_reads_nothing_is_disconnected(busy: Service, connect: Connect, rich: str) -> None:
    silent = connect(busy)
    silent.send(request(f"{rich}/export"))
    wait_for_news(silent)
    wait_for(lambda: not spooled_files(busy))
    assert busy.client.get(f"{rich}/export").json()["count"] == MANY


def test_a_client_notices_that_a_download_was_cut(busy: Service, rich: str) -> None:
    with busy.client.request("GET", f"{rich}/export?format=csv", stream=True) as answer:
        (file,) = spooled_files(busy)
        os.truncate(file, 16 * MEBIBYTE)
        with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
            for _ in answer.iter_content(MEBIBYTE):
                pass
    wait_for(lambda: not spooled_files(busy))
    assert busy.client.get(f"{rich}/export").json()["count"] == MANY


class Clock:
    """A clock that a client moves while it reads."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.mark.parametrize(("seconds", "is_whole"), [(0, True), (3.9, True), (5, False)])
def test_the_pace_of_a_client_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, is_whole: bool
) -> None:
    clock = Clock()
    monkeypatch.setattr(downloads, "time", clock)
    (tmp_path / "file").write_bytes(b"x" * downloads.PART * 50)
    read = 0
    with (tmp_path / "file").open("rb") as file:
        parts = downloads._read_parts(file, downloads.PART * 50)
        try:
            for part in parts:
                read += len(part)
                clock.now += seconds
        except TimeoutError:
            assert not is_whole
    assert (read == downloads.PART * 50) is is_whole
