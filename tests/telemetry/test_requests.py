"""What the service tells of its requests."""

import json
import logging
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask

from app.telemetry.logs import JSONFormatter, TerminalFormatter
from tests.support.client import Client
from tests.support.service import Service
from tests.support.waiting import wait_for


class Observed:
    """A service, the lines that it writes, and the metrics that it shows."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.client = service.client

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.service.log.splitlines()]

    def request(self, request_id: str) -> dict[str, Any]:
        """Wait for the line of that request."""
        found = wait_for(lambda: [line for line in self.lines() if line.get("request_id") == request_id])
        line: dict[str, Any] = found[-1]
        return line

    def metrics(self) -> dict[str, float]:
        text = self.client.get("/metrics").text
        return {name: float(value) for name, value in re.findall(r"^([^#\s]\S*(?:\{.*\})?) (\S+)$", text, re.MULTILINE)}


@pytest.fixture(scope="module")
def observed(app: Flask, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observed]:
    service = Service(tmp_path_factory.mktemp("observed") / "log", DATABASE_URL=app.config["DATABASE_URL"])
    yield Observed(service)
    service.stop()


def test_each_request_leaves_one_line(observed: Observed) -> None:
    tasks = observed.client.of(f"zoë\N{PILE OF POO}-{uuid4()}")
    response = tasks.post({"title": "Secret"})
    line = observed.request(response.headers["X-Request-ID"])
    assert line.pop("ms") > 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", line.pop("time"))
    assert line == {
        "level": "INFO",
        "logger": "tasks.requests",
        "message": "request",
        "method": "POST",
        "route": "/api/{user_id}/tasks",
        "status": 201,
        "bytes": len(response.content),
        "request_id": response.headers["X-Request-ID"],
        "user_id": tasks.user_id,
    }
    assert "Secret" not in observed.service.log


def test_line_breaks_forge_no_line(observed: Observed) -> None:
    response = observed.client.get("/api/x%0a%7B%22level%22:%22FORGED%22%7D%0a/tasks")
    assert response.status_code == 422
    assert observed.request(response.headers["X-Request-ID"])["user_id"] == 'x\n{"level":"FORGED"}\n'
    assert not [line for line in observed.lines() if line["level"] == "FORGED"]

    record = logging.LogRecord("x", logging.ERROR, "", 0, "a\nb\x1b[31m %s", ("c\r",), None)
    assert json.loads(JSONFormatter().format(record))["message"] == "a\nb\x1b[31m c\r"
    assert "\n" not in JSONFormatter().format(record)
    assert re.fullmatch(r"\d\d:\d\d:\d\d ERROR   a\\nb\\x1b\[31m c\\r", TerminalFormatter().format(record))


def test_the_metrics_add_up_over_all_workers_and_after_they_are_replaced(observed: Observed) -> None:
    series = 'http_requests_total{method="GET",route="/api/{user_id}/tasks/{task_id}",status="404"}'
    count = 'http_request_duration_seconds_count{method="GET",route="/api/{user_id}/tasks/{task_id}"}'
    before = observed.metrics()

    def ask(times: int) -> None:
        for _ in range(times):  # Each on a connection of its own, which any worker may take.
            Client(observed.client.url).of("metrics").get("x")

    ask(20)
    old = observed.service.workers()
    os.kill(observed.service.process.pid, signal.SIGHUP)
    wait_for(lambda: len(observed.service.workers()) >= 2 * len(old))
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in old))
    ask(20)
    after = observed.metrics()
    assert after[series] - before.get(series, 0) == 40
    assert after[count] - before.get(count, 0) == 40
    assert after["http_requests_in_flight"] == 1  # That for the metrics itself.
    assert after["database_pool_in_use"] == after["database_pool_waiting"] == 0


def test_hostile_methods_and_paths_make_no_new_series(observed: Observed) -> None:
    for number in range(5):
        observed.client.request(f"HOSTILE{number}", f"/hostile/{number}")
    names = [name for name in observed.metrics() if "ostile" in name.lower()]
    assert names == []


def test_telemetry_can_be_turned_off(app: Flask, tmp_path: Path) -> None:
    settings = {"DATABASE_URL": app.config["DATABASE_URL"], "REQUEST_TELEMETRY": "false"}
    service = Service(tmp_path / "log", host="127.0.0.1", **settings)
    assert re.fullmatch("[0-9a-f]{32}", service.client.get("/health").headers["X-Request-ID"])
    assert "http_requests_total{" not in service.client.get("/metrics").text
    service.stop()
    assert "tasks.requests" not in service.log
