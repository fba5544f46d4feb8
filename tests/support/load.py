"""Clients that work on their tasks without a pause, and remember what they were answered."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import requests

from tests.support.client import Client, Tasks

# Beside success: what the contract has for a database, or a service, that is away for a while.
UNAVAILABLE = (503, b'{"detail":"Service temporarily unavailable"}')


class Worker(threading.Thread):
    """One client with a user of its own: it creates, reads, changes and lists, in turns."""

    def __init__(self, url: str, end: threading.Event) -> None:
        super().__init__(daemon=True)
        self.tasks: Tasks = Client(url).of(f"load-{uuid4()}")
        self.end = end
        self.statuses: Counter[int] = Counter()
        self.unexpected: list[str] = []
        self.slowest = 0.0
        self.successes: list[float] = []  # when
        self.titles: dict[str, set[str]] = {}  # of each created task, those that it may have now

    def run(self) -> None:
        number = 0
        while not self.end.is_set():
            number += 1
            created = self._ask("POST", "", {"title": f"Task {number}"}, 201)
            if created is None:
                continue
            task_id = created["id"]
            self.titles[task_id] = {created["title"]}
            self._ask("GET", f"/{task_id}", None, 200)
            # A change whose answer is lost may or may not have happened; one that is confirmed has.
            self.titles[task_id].add(f"Changed {number}")
            if self._ask("PUT", f"/{task_id}", {"title": f"Changed {number}"}, 200) is not None:
                self.titles[task_id] = {f"Changed {number}"}
            if number % 10 == 0:
                self._ask("GET", "", None, 200)

    def _ask(self, method: str, path: str, body: Any, success: int) -> Any:
        start = time.monotonic()
        try:
            response = self.tasks.client.request(method, self.tasks.path + path, json=body)
        except requests.RequestException as error:
            self.unexpected.append(f"{method}: {error}"[:200])
            return None
        finally:
            self.slowest = max(self.slowest, time.monotonic() - start)
        self.statuses[response.status_code] += 1
        if response.status_code == success:
            self.successes.append(time.monotonic())
            return response.json()
        if (response.status_code, response.content) != UNAVAILABLE or "Retry-After" not in response.headers:
            self.unexpected.append(f"{method}: {response.status_code} {response.text}"[:200])
        time.sleep(0.02)  # As a client does that was told to try again.
        return None

    def lost(self) -> list[str]:
        """Return the confirmed writes that are not there."""
        found = {task["id"]: task["title"] for task in self.tasks.all()}
        return [task_id for task_id, titles in self.titles.items() if found.get(task_id) not in titles]


class Load:
    """Many such clients at once."""

    def __init__(self, url: str, clients: int) -> None:
        self._end = threading.Event()
        self.workers = [Worker(url, self._end) for _ in range(clients)]
        for worker in self.workers:
            worker.start()

    def statuses(self) -> Counter[int]:
        return sum((worker.statuses for worker in self.workers), Counter())

    def unexpected(self) -> list[str]:
        return [what for worker in self.workers for what in worker.unexpected]

    def resumed(self, since: float) -> float:
        """Return after how many seconds every client had succeeded again; infinity where one has not."""
        after = [[when for when in worker.successes if when > since] for worker in self.workers]
        return max((times[0] - since if times else float("inf")) for times in after)

    def stop(self) -> None:
        self._end.set()
        for worker in self.workers:
            worker.join()


@contextmanager
def load(url: str, clients: int = 20) -> Iterator[Load]:
    """Let them work for as long as the block takes."""
    running = Load(url, clients)
    try:
        yield running
    finally:
        running.stop()
