"""The embedded server, as a stranger meets it: without a setting, wherever the project lies."""

import os
import signal
import tempfile
from pathlib import Path

import psutil
import psycopg2
import pytest

from app.database.embedded import EmbeddedServer
from config import StartError
from tests.support.commands import flask
from tests.support.issuer import SECRET
from tests.support.project import copy_of_the_project
from tests.support.service import Service
from tests.support.waiting import wait_for


def postmasters(directory: Path) -> list[int]:
    """Return the PIDs of all servers whose data lie below `directory`."""
    found = []
    for process in psutil.process_iter(["name", "cwd", "ppid"]):
        info = process.info
        if info["name"] == "postgres" and (info["cwd"] or "").startswith(str(directory)):
            parent = psutil.Process(info["ppid"]).name() if psutil.pid_exists(info["ppid"]) else ""
            if parent != "postgres":
                found.append(process.pid)
    return found


def test_the_service_starts_one_server_wherever_it_lies_and_stops_it(tmp_path: Path) -> None:
    # Longer than the name of a socket may be.
    directory = copy_of_the_project(tmp_path / "with spaces, 'quotes' and ümlauts" / "/".join(["x" * 40] * 5))
    upgrade = flask("db", "upgrade", directory=directory)
    assert upgrade.returncode == 0, upgrade.stderr
    assert postmasters(directory) == []
    for expected in (0, 1):
        service = Service(tmp_path / "log", directory, WEB_CONCURRENCY="3")
        tasks = service.client.of("alice")
        assert len(tasks.all()) == expected
        tasks.create()
        assert len(postmasters(directory)) == 1
        assert service.stop() == 0
        assert postmasters(directory) == []


def test_a_command_that_needs_no_database_starts_no_server(tmp_path: Path) -> None:
    directory = copy_of_the_project(tmp_path / "project")
    completed = flask("token", "alice", directory=directory, AUTH_MODE="secret", JWT_SECRET=SECRET)
    assert (completed.returncode, completed.stderr) == (0, "")
    assert not (directory / "instance" / "postgresql").exists()


def test_the_service_takes_up_what_a_crash_left_behind(tmp_path: Path) -> None:
    directory = copy_of_the_project(tmp_path / "project")
    assert flask("db", "upgrade", directory=directory).returncode == 0
    first = Service(tmp_path / "first", directory)
    kept = first.client.of("alice").create()
    first.stop(signal.SIGKILL)
    (left,) = postmasters(directory)

    second = Service(tmp_path / "second", directory)
    assert second.client.of("alice").all() == [kept]
    assert postmasters(directory) == [left]
    os.kill(left, signal.SIGKILL)
    second.stop(signal.SIGKILL)
    wait_for(lambda: not psutil.pid_exists(left) or psutil.Process(left).status() == psutil.STATUS_ZOMBIE)

    third = Service(tmp_path / "third", directory)
    assert third.client.of("alice").all() == [kept]
    third.stop()
    assert postmasters(directory) == []


def test_the_last_user_stops_the_server(tmp_path: Path) -> None:
    first, second = (EmbeddedServer(tmp_path / "postgresql") for _ in range(2))
    first.start()
    second.start()
    first.stop()
    psycopg2.connect(second.url()).close()
    second.stop()
    assert postmasters(tmp_path) == []
    with pytest.raises(psycopg2.OperationalError):
        psycopg2.connect(second.url())


@pytest.mark.parametrize("left_over", [f"{os.getppid()}\n", ""], ids=["a number", "nothing"])
def test_a_pid_that_belongs_to_somebody_else_now_is_no_server(tmp_path: Path, left_over: str) -> None:
    server = EmbeddedServer(tmp_path / "postgresql")
    server.start()
    server.stop()
    (server.data / "postmaster.pid").write_text(left_over)
    server.start()
    psycopg2.connect(server.url()).close()
    server.stop()


def test_an_interrupted_first_start_leaves_nothing_that_hinders_the_next(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path / "postgresql")
    unfinished = tmp_path / "postgresql.unfinished"
    (unfinished / "base").mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")
    server.start()
    psycopg2.connect(server.url()).close()
    server.stop()
    assert not unfinished.exists()


def test_the_role_is_an_ordinary_one(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path / "postgresql")
    server.start()
    with psycopg2.connect(server.url()) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole FROM pg_roles WHERE rolname = current_user"
        )
        assert cursor.fetchone() == ("tasks", False, False, False)
    connection.close()
    server.stop()


def test_nobody_else_reaches_the_server(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path / "postgresql")
    server.start()
    for directory in (server.data, server.socket_directory):
        assert directory.stat().st_mode & 0o077 == 0
    (process,) = (psutil.Process(pid) for pid in postmasters(tmp_path))
    assert [c for c in process.net_connections() if c.status == psutil.CONN_LISTEN] == []
    server.stop()


def test_a_socket_directory_that_others_can_enter_is_refused(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path / "postgresql")
    directory = server.socket_directory
    directory.mkdir()
    directory.chmod(0o777)
    (directory / "put here by somebody else").touch()
    with pytest.raises(StartError, match="only"):
        server.start()
    (directory / "put here by somebody else").unlink()
    server.start()
    assert directory.stat().st_mode & 0o077 == 0
    server.stop()


def test_the_socket_is_below_tmpdir_and_its_directory_goes_with_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = EmbeddedServer(tmp_path / "postgresql")
    elsewhere = Path(tempfile.mkdtemp(prefix="elsewhere-"))
    monkeypatch.setattr(tempfile, "tempdir", str(elsewhere))  # Where TMPDIR is noted, once for each process.
    server.start()
    assert server.socket_directory.parent == elsewhere
    monkeypatch.undo()
    other = EmbeddedServer(tmp_path / "postgresql")  # As of a process with another TMPDIR.
    other.start()
    assert other.url() == server.url()
    psycopg2.connect(other.url()).close()
    server.stop()
    other.stop()
    elsewhere.rmdir()  # It is empty.


def test_a_crash_leaves_no_directory_of_a_socket_for_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = EmbeddedServer(tmp_path / "postgresql")
    server.start()
    left = server.socket_directory
    (postmaster,) = postmasters(tmp_path)
    os.kill(postmaster, signal.SIGKILL)
    wait_for(lambda: not postmasters(tmp_path))
    elsewhere = Path(tempfile.mkdtemp(prefix="elsewhere-"))
    monkeypatch.setattr(tempfile, "tempdir", str(elsewhere))
    server.start()
    assert server.socket_directory.parent == elsewhere
    assert not left.exists()
    server.stop()
    elsewhere.rmdir()


@pytest.mark.parametrize("name", ["x" * 90, "with space"])
def test_a_tmpdir_that_cannot_hold_a_socket_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / name))
    server = EmbeddedServer(tmp_path / "postgresql")
    server.start()
    assert server.socket_directory.parent == Path("/tmp")
    psycopg2.connect(server.url()).close()
    server.stop()


def test_directories_that_cannot_be_written_are_said_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/proc")  # Where not even root can make a directory.
    for data in (tmp_path / "postgresql", Path("/proc/instance/postgresql")):
        with pytest.raises(StartError, match=r"^The embedded PostgreSQL can't be started: .* '/proc/"):
            EmbeddedServer(data).start()
    assert postmasters(tmp_path) == []


def test_data_of_another_version_are_refused_and_kept(tmp_path: Path) -> None:
    old = EmbeddedServer(tmp_path / "postgresql", 16)
    old.start()
    old.stop()
    with pytest.raises(StartError, match="PostgreSQL 16"):
        EmbeddedServer(tmp_path / "postgresql", 18).start()
    old.start()
    old.stop()
    assert postmasters(tmp_path) == []


def test_a_database_behind_the_newest_migration_is_refused_by_name_of_the_command(tmp_path: Path) -> None:
    directory = copy_of_the_project(tmp_path / "project")
    service = Service(tmp_path / "log", directory)
    assert service.process.wait(60) != 0
    assert "flask db upgrade" in service.log
    assert "Traceback" not in service.log
    assert postmasters(directory) == []
    completed = flask("run", "--port", "0", directory=directory)
    assert completed.returncode != 0
    assert "flask db upgrade" in completed.stderr
