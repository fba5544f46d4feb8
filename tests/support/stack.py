"""Everything that stands around the service in production, natively: nginx, gunicorn, PgBouncer, PostgreSQL.

The files are those of `deploy/`; only addresses, paths and passwords are put in their places. nginx and PgBouncer are
Debian's packages `nginx-light` and `pgbouncer`.

`python -m tests.support.stack COMMAND…` runs a command with all of that around it: the service asks for tokens, and the
variables `URL` and `TOKEN_SECRET` tell the command what `make contract` wants to know.
"""

import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from app.database.embedded import EmbeddedServer
from tests.support.client import Client
from tests.support.commands import command
from tests.support.databases import migrate
from tests.support.issuer import SECRET
from tests.support.project import ROOT
from tests.support.service import Service
from tests.support.waiting import wait_for

PASSWORD = "of the tests only"
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
MISSING = [name for name in ("nginx", "pgbouncer") if shutil.which(name, path=PATH) is None]


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Stack:
    """One of each, on ports of its own.

    `rate` is what nginx lets through, in requests per second; `data` is where PostgreSQL keeps its data; `agents` is
    where nginx looks for `flask mcp`; `edits` are changes to nginx.conf: what is there once, and what replaces it.
    """

    def __init__(
        self,
        directory: Path,
        rate: int = 100_000,
        data: Path | None = None,
        edits: Mapping[str, str] | None = None,
        agents: str = "",
        **settings: Any,
    ) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        directory.chmod(0o711)
        self.postgresql = EmbeddedServer(data or directory / "postgresql")
        self.postgresql.start()
        migrate(self.postgresql.url())
        assert command("role-timeouts", DATABASE_URL=self.postgresql.url()).exit_code == 0

        self.pgbouncer_port, self.nginx_port = free_port(), free_port()
        self.database_url = f"postgresql://tasks:{PASSWORD.replace(' ', '%20')}@127.0.0.1:{self.pgbouncer_port}/tasks"
        self.pgbouncer = self.start_pgbouncer()
        self._settings = {
            "DATABASE_URL": self.database_url,
            "TRUSTED_PROXIES": "1",
            "ALLOW_PUBLIC_OPEN": "true",
            **settings,
        }
        self._service_port = free_port()
        self.service = self.start_service()
        self.rate, self.edits = rate, edits or {}
        self._agents = agents
        self.nginx = self._start_nginx(urlsplit(self.service.url()).netloc)
        self.client = Client(f"http://127.0.0.1:{self.nginx_port}")

    def start_service(self) -> Service:
        """Start gunicorn, where nginx looks for it."""
        log = self.directory / f"service-{len(list(self.directory.glob('service-*')))}.log"
        return Service(log, host="127.0.0.1", port=self._service_port, **self._settings)

    def start_pgbouncer(self) -> subprocess.Popen[bytes]:
        """Start PgBouncer, as the user of PostgreSQL: it refuses to be root."""
        home = self.directory / "pgbouncer"
        home.mkdir(exist_ok=True)
        (home / "userlist.txt").write_text(f'"tasks" "{PASSWORD}"\n')
        configuration = (ROOT / "deploy" / "pgbouncer.ini").read_text()
        for found, put in (
            ("host=postgres port=5432", f"host={self.postgresql.socket_directory} port=5432"),
            ("listen_addr = *", "listen_addr = 127.0.0.1"),
            ("listen_port = 6432", f"listen_port = {self.pgbouncer_port}"),
            ("/etc/pgbouncer/userlist.txt", str(home / "userlist.txt")),
        ):
            assert found in configuration
            configuration = configuration.replace(found, put)
        (home / "pgbouncer.ini").write_text(configuration)
        account = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        with (home / "log").open("ab") as log:
            process = subprocess.Popen(
                [shutil.which("pgbouncer", path=PATH) or "", home / "pgbouncer.ini"],
                stdout=log,
                stderr=log,
                user=account.pw_uid if account else None,
                group=account.pw_gid if account else None,
                extra_groups=[] if account else None,
            )
        wait_for(lambda: listens(self.pgbouncer_port))
        return process

    def _start_nginx(self, upstream: str) -> subprocess.Popen[bytes]:
        home = self.directory / "nginx"
        home.mkdir(exist_ok=True)
        names = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        directories = " ".join(f"{name}_temp_path {home}/{name};" for name in names)
        configuration = (ROOT / "deploy" / "nginx.conf").read_text()
        for found, put in self.edits.items():
            assert configuration.count(found) == 1, found
            configuration = configuration.replace(found, put)
        for found, put in (
            ("${SERVICE}", upstream),
            ("${RESOLVER}", "127.0.0.1"),
            ("${CORS_ORIGINS}", str(self._settings.get("CORS_ORIGINS", ""))),
            ("${AGENTS}", self._agents),
            ("listen 80 ", f"listen 127.0.0.1:{self.nginx_port} "),
            ("pid /run/nginx.pid;", f"pid {home}/nginx.pid;"),
            ("http {", f"http {{ {directories}"),
        ):
            assert found in configuration
            configuration = configuration.replace(found, put)
        if os.geteuid() == 0:
            configuration = "user root;\n" + configuration
        configuration = re.sub(r"rate=\d+r/s", f"rate={self.rate}r/s", configuration)
        (home / "nginx.conf").write_text(configuration)
        with (home / "log").open("ab") as log:
            process = subprocess.Popen(
                [shutil.which("nginx", path=PATH) or "", "-p", home, "-c", home / "nginx.conf", "-g", "daemon off;"],
                stdout=log,
                stderr=log,
            )
        wait_for(lambda: listens(self.nginx_port))
        return process

    def stop(self) -> None:
        """Stop them all, from the outside in."""
        self.client.session.close()
        for process in (self.nginx, self.service.process, self.pgbouncer):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM if process is not self.pgbouncer else signal.SIGINT)
                process.wait(60)
        self.postgresql.stop()


def run_beside_a_stack(command: list[str]) -> int:
    """Run a command while a stack serves, and return its exit status."""
    with TemporaryDirectory() as directory:
        Path(directory).chmod(0o711)  # PostgreSQL and PgBouncer are not root.
        stack = Stack(Path(directory) / "stack", AUTH_MODE="secret", JWT_SECRET=SECRET)
        try:
            variables = {"URL": stack.client.url, "TOKEN_SECRET": SECRET}
            return subprocess.run(command, env={**os.environ, **variables}, check=False).returncode
        finally:
            stack.stop()


if __name__ == "__main__":
    sys.exit(run_beside_a_stack(sys.argv[1:]))
