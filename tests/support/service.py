"""The real service for the tests: gunicorn as it runs in production, and a client that speaks HTTP to it."""

import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests
from click.testing import Result

from app import create_app
from app.database.embedded import DEFAULT_VERSION, binaries
from app.extensions import db
from config import Config

ROOT = Path(__file__).parent.parent.parent
SOURCES = ("app", "migrations", "config.py", "gunicorn.conf.py", "wsgi.py", ".flaskenv")
LISTENING = re.compile(r"Listening at: (http://\S+)")
DEADLINE = 60  # seconds, for whatever a test waits for


def wait_for(condition: Callable[[], Any]) -> Any:
    """Return what `condition` returns once that is true."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        if result := condition():
            return result
        time.sleep(0.02)
    raise TimeoutError(condition)


def copy_of_the_project(directory: Path) -> Path:
    """Copy what the service consists of, so that it has an `instance/` of its own."""
    directory.mkdir(parents=True)
    for name in SOURCES:
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, directory / name)
    return directory


def environment(**settings: str) -> dict[str, str]:
    """Return this process's environment with these settings, and no others of ours."""
    ours = dict.fromkeys(re.findall(r"^(\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE), "")
    return {**os.environ, **ours, "WEB_CONCURRENCY": "2", **settings}


def flask(*arguments: str, directory: Path = ROOT, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the command `flask` in a copy of the project."""
    return subprocess.run(
        [sys.executable, "-m", "flask", *arguments],
        cwd=directory,
        env=environment(**settings),
        check=False,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )


def command(*arguments: str, **settings: Any) -> Result:
    """Run the command `flask` on an application with these settings (those of `Config`), in this process."""
    app = create_app(Config(**settings))
    result = app.test_cli_runner().invoke(args=arguments)
    with app.app_context():
        db.engine.dispose()
    return result


def migrate(url: str) -> None:
    """Bring a database to the newest migration."""
    result = command("db", "upgrade", DATABASE_URL=url)
    assert result.exit_code == 0, result.output


def documented(language: str, words: str) -> str:
    """Return the block of code in `docs/scaling.md` that has these words in it."""
    text = (ROOT / "docs" / "scaling.md").read_text()
    blocks = re.findall(rf"^ *```{language}\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    (found,) = [textwrap.dedent(block) for block in blocks if words in block]
    return found


def partition(url: str) -> None:
    """Turn the table of a migrated database into hash partitions, with the very script of the documentation."""
    subprocess.run(
        [binaries(DEFAULT_VERSION) / "psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", url],
        input=documented("sql", "PARTITION BY HASH"),
        check=True,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )


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
    def client(self) -> "Client":
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
def running(log: Path, directory: Path = ROOT, **settings: Any) -> Iterator["Client"]:
    """Run a service for as long as the block takes, and give a client of it."""
    service = Service(log, directory, **settings)
    try:
        yield service.client
    finally:
        service.stop()


class Client:
    """A user's tasks over HTTP. A path begins below `/api/{user_id}/tasks`, unless `absolute`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.trust_env = False

    def request(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        return self.session.request(method, self.url + path, timeout=DEADLINE, allow_redirects=False, **kwargs)

    def get(self, path: str) -> requests.Response:
        return self.request("GET", path)

    def of(self, user_id: str) -> "Tasks":
        """Return the tasks of that user."""
        return Tasks(self, user_id)


class Tasks:
    """The six endpoints, for one user."""

    def __init__(self, client: Client, user_id: str) -> None:
        self.client = client
        self.user_id = user_id
        self.path = f"/api/{quote(user_id, safe='')}/tasks"

    def list_tasks(self) -> requests.Response:
        return self.client.request("GET", self.path)

    def post(self, body: Any) -> requests.Response:
        return self.client.request("POST", self.path, json=body)

    def get(self, task_id: str) -> requests.Response:
        return self.client.request("GET", f"{self.path}/{task_id}")

    def put(self, task_id: str, body: Any) -> requests.Response:
        return self.client.request("PUT", f"{self.path}/{task_id}", json=body)

    def complete(self, task_id: str, **kwargs: Any) -> requests.Response:
        return self.client.request("PATCH", f"{self.path}/{task_id}/complete", **kwargs)

    def delete(self, task_id: str) -> requests.Response:
        return self.client.request("DELETE", f"{self.path}/{task_id}")

    def create(self, title: str = "Buy milk", **fields: Any) -> dict[str, Any]:
        """Create a task and return it."""
        response = self.post({"title": title, **fields})
        assert response.status_code == 201, response.text
        task: dict[str, Any] = response.json()
        return task

    def all(self) -> list[dict[str, Any]]:
        """Return all tasks."""
        response = self.list_tasks()
        assert response.status_code == 200, response.text
        tasks: list[dict[str, Any]] = response.json()
        return tasks


# Each kind of request once, of a user about a task.
REQUESTS: dict[str, Callable[[Tasks, str], Any]] = {
    "list": lambda tasks, task_id: tasks.list_tasks(),
    "create": lambda tasks, task_id: tasks.post({"title": "Buy milk"}),
    "read": lambda tasks, task_id: tasks.get(task_id),
    "change": lambda tasks, task_id: tasks.put(task_id, {"title": "Changed", "description": None}),
    "change nothing": lambda tasks, task_id: tasks.put(task_id, {}),
    "flip": lambda tasks, task_id: tasks.complete(task_id),
    "set": lambda tasks, task_id: tasks.complete(task_id, json={"completed": True}),
    "delete": lambda tasks, task_id: tasks.delete(task_id),
}
