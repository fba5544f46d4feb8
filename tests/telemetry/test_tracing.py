"""OpenTelemetry instruments the service as it is."""

import json
import sys
from pathlib import Path
from typing import Any

from flask import Flask

from tests.support.service import Service
from tests.support.waiting import wait_for

INSTRUMENT = (
    str(Path(sys.executable).with_name("opentelemetry-instrument")),
    *("--traces_exporter", "console", "--metrics_exporter", "none", "--logs_exporter", "none"),
)


def spans(text: str) -> list[dict[str, Any]]:
    """Return the JSON objects of several lines that the exporter prints among the lines of the log."""
    decoder, position = json.JSONDecoder(), 0
    found: list[dict[str, Any]] = []
    while (position := text.find("{\n", position)) >= 0:
        try:
            value, position = decoder.raw_decode(text, position)
        except json.JSONDecodeError:
            return found  # Not all of it is written yet.
        found.append(value)
    return found


def test_a_request_makes_one_span_and_its_statement_another(app: Flask, tmp_path: Path) -> None:
    settings = {"DATABASE_URL": app.config["DATABASE_URL"], "OTEL_BSP_SCHEDULE_DELAY": "100"}
    service = Service(tmp_path / "log", under=INSTRUMENT, WEB_CONCURRENCY="1", **settings)
    tasks = service.client.of("traced")
    tasks.list_tasks()  # The first one also gets to know the server.
    tasks.get("019be525-857b-774b-8b5e-5d2f8a6c3e10")
    wait_for(lambda: len(of_request(service.log)) > 1)
    service.stop()
    statement, request = of_request(service.log)
    assert request["name"] == REQUEST
    assert statement["parent_id"] == request["context"]["span_id"]
    assert "FROM tasks" in statement["attributes"].get("db.statement", statement["attributes"].get("db.query.text"))
    assert request["parent_id"] is None


REQUEST = "GET /api/<user_id>/tasks/<task_id>"


def of_request(log: str) -> list[dict[str, Any]]:
    """Return the spans of the trace that the second request began."""
    all_of_them = spans(log)
    traces = [span["context"]["trace_id"] for span in all_of_them if span["name"] == REQUEST]
    return [span for span in all_of_them if span["context"]["trace_id"] in traces]
