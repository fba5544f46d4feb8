"""Many writers of one user, and copies that follow the changes, through nginx and PgBouncer, while things break."""

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
import requests

from tests.support.client import Tasks
from tests.support.replica import Replica
from tests.support.stack import MISSING, Stack
from tests.support.waiting import DEADLINE, wait_for

pytestmark = [pytest.mark.faults, pytest.mark.skipif(bool(MISSING), reason=f"not installed: {MISSING}")]

WRITERS = 16
REPLICAS = 4
TASKS = 25  # of each writer
KEYS = 400


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("synchronization") / "stack")
    yield stack
    stack.stop()


def insist(send: Callable[[], requests.Response]) -> requests.Response:
    """Send a request until it is answered by something else than that the service is away."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        with suppress(requests.RequestException):
            answer = send()
            if answer.status_code not in (502, 503, 504):
                return answer
        time.sleep(0.02)  # As a client does that was told to try again.
    raise TimeoutError


def write(alice: Tasks, number: int, progress: Counter[str]) -> None:
    """Create tasks, each by a key of its own, complete them, and delete every third."""
    tasks = alice.apart()
    for index in range(TASKS):
        title = f"{number}-{index}"
        created = insist(partial(tasks.send, "POST", body={"title": title}, Idempotency_Key=f"add-{title}"))
        assert created.status_code == 201
        where = f"/{created.json()['id']}"
        completed = insist(partial(tasks.send, "PATCH", f"{where}/complete", Idempotency_Key=f"do-{where}"))
        assert completed.json()["completed"] is True
        if index % 3 == 0:  # The first answer may have been lost.
            assert insist(partial(tasks.send, "DELETE", where)).status_code in (200, 404)
        progress["tasks"] += 1


def follow(alice: Tasks, end: threading.Event) -> Replica:
    replica, tasks = Replica(), alice.apart()
    while not end.is_set():
        with suppress(requests.RequestException):
            replica.follow(tasks, 7)
    replica.follow(tasks, 7)
    return replica


def kill_a_worker(stack: Stack) -> None:
    os.kill(stack.service.workers()[-1], signal.SIGKILL)


def kill_the_service(stack: Stack) -> None:
    for pid in (stack.service.process.pid, *stack.service.workers()):
        with suppress(ProcessLookupError):  # One was killed before.
            os.kill(pid, signal.SIGKILL)
    stack.service.process.wait()
    stack.service = stack.start_service()
    stack.service.url()


def restart_postgresql(stack: Stack) -> None:
    stack.postgresql.pg_ctl("restart", "-m", "immediate", "-l", "server.log")


def kill_pgbouncer(stack: Stack) -> None:
    stack.pgbouncer.kill()
    stack.pgbouncer.wait()
    stack.pgbouncer = stack.start_pgbouncer()


BREAKS = (kill_a_worker, restart_postgresql, kill_pgbouncer, kill_the_service)


def has_more_than(progress: Counter[str], number: int) -> bool:
    return progress["tasks"] > number


def test_copies_end_equal_whatever_breaks(stack: Stack) -> None:
    alice = stack.client.of(f"alice-{uuid4()}")
    progress: Counter[str] = Counter()
    end = threading.Event()
    with ThreadPoolExecutor(WRITERS + REPLICAS) as pool:
        try:
            replicas = [pool.submit(follow, alice, end) for _ in range(REPLICAS)]
            writers = [pool.submit(write, alice, number, progress) for number in range(WRITERS)]
            for step, break_something in enumerate(BREAKS, 1):
                wait_for(partial(has_more_than, progress, step * WRITERS * TASKS // 6))
                break_something(stack)
            for writer in writers:
                writer.result()
        finally:
            end.set()
        copies = [replica.result().tasks for replica in replicas]
    tasks: list[dict[str, Any]] = alice.all()
    assert Counter(task["title"] for task in tasks) == {
        f"{number}-{index}": 1 for number in range(WRITERS) for index in range(TASKS) if index % 3
    }
    assert all(task["completed"] for task in tasks)
    for copy in copies:
        assert copy == {task["id"]: task for task in tasks}


def test_of_requests_that_race_with_one_key_one_acts(stack: Stack) -> None:
    alice = stack.client.of(f"alice-{uuid4()}")

    def create_all(_: int) -> list[tuple[int, str]]:
        tasks = alice.apart()
        answers = [tasks.send("POST", body={"title": f"{key}"}, Idempotency_Key=f"{key}") for key in range(KEYS)]
        return [(answer.status_code, answer.json()["id"]) for answer in answers]

    with ThreadPoolExecutor(WRITERS) as pool:
        answers = list(pool.map(create_all, range(WRITERS)))
    assert (
        answers == [[(201, task["id"]) for task in sorted(alice.all(), key=lambda task: int(task["title"]))]] * WRITERS
    )
