"""What was answered survives restarts and crashes."""

import os
import signal
from pathlib import Path

from app.database.embedded import EmbeddedServer
from tests.support.service import running
from tests.support.waiting import wait_for


def test_what_was_answered_survives_restarts_of_service_and_database(server: EmbeddedServer, tmp_path: Path) -> None:
    with running(tmp_path / "first", DATABASE_URL=server.url()) as client:
        tasks = client.of("alice")
        kept = [tasks.create(f"Task {number}") for number in range(20)]
        for mode in ("fast", "immediate"):
            server.pg_ctl("restart", "-m", mode, "-l", "server.log")
            assert wait_for(lambda: tasks.list_tasks().status_code == 200)
            assert tasks.all() == kept
            kept.append(tasks.create(f"After {mode}"))
    with running(tmp_path / "second", DATABASE_URL=server.url()) as client:
        assert client.of("alice").all() == kept


def test_writes_that_were_answered_survive_kill_9_of_all(server: EmbeddedServer, tmp_path: Path) -> None:
    with running(tmp_path / "log", DATABASE_URL=server.url()) as client:
        tasks = client.of("alice")
        answered = [tasks.create(f"Task {number}")["id"] for number in range(50)]
        postmaster = int((server.data / "postmaster.pid").read_text().split()[0])
        os.kill(postmaster, signal.SIGKILL)
        wait_for(lambda: postmaster not in server._find_processes())  # A signal takes a moment to arrive.
        server.start()
        wait_for(lambda: tasks.list_tasks().status_code == 200)
        assert [task["id"] for task in tasks.all()] == answered
