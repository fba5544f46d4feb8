"""The real service: gunicorn, as it runs in production."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.support.client import Client
from tests.support.project import ROOT, environment
from tests.support.waiting import DEADLINE, wait_for

LISTENING = re.compile(r"Listening at: (http://\S+)")


class Service:
    """One gunicorn; `log` is what it wrote. It may run `under` another program."""

    def __init__(
        self,
        log: Path,
        directory: Path = ROOT,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        under: Sequence[str] = (),
        **settings: Any,
    ) -> None:
        self._log = log
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                [*under, sys.executable, "-m", "gunicorn", "--bind", f"{host}:{port}", "wsgi:app"],
                cwd=directory,
                env=environment(**settings),
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def url(self) -> str:
        """Wait until it listens and return its URL."""

        def listening() -> re.Match[str] | None:
            assert self.process.poll() is None, self.log
            return LISTENING.search(self.log)

        return str(wait_for(listening)[1])

    @cached_property
    def client(self) -> Client:
        """A client of it, once it listens."""
        return Client(self.url())

    def workers(self) -> list[int]:
        """Return the PIDs of the workers that were started, the dead ones too."""
        return [int(pid) for pid in re.findall(r"Booting worker with pid: (\d+)", self.log)]

    def stop(self, by: signal.Signals = signal.SIGTERM) -> int:
        """Send the signal and return the exit status, once all of its processes have ended."""
        if "client" in self.__dict__:
            self.client.session.close()  # A worker that stops would linger for the next request on this connection.
        self.process.send_signal(by)
        status = self.process.wait(DEADLINE)
        wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in self.workers()))
        return status


@contextmanager
def running(log: Path, directory: Path = ROOT, **settings: Any) -> Iterator[Client]:
    """Run a service for as long as the block takes, and give a client of it."""
    service = Service(log, directory, **settings)
    try:
        yield service.client
    finally:
        service.stop()
