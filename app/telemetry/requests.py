"""One request, as the log and the metrics tell of it."""

import time
from collections.abc import Mapping
from functools import cache
from typing import Any
from wsgiref.types import WSGIEnvironment

from flask import Flask, Request, g
from flask_smorest.spec.plugins import FlaskPlugin

from app.telemetry.logs import log_request
from app.telemetry.metrics import METHODS, OTHER, UNMATCHED, count_request, name_routes
from app.telemetry.request_ids import REQUEST_ID


def init_app(app: Flask) -> None:
    """Name the routes to the metrics. To be called once the application has all of them."""
    name_routes(_format_route(rule.rule) for rule in app.url_map.iter_rules())


class Record:
    """What becomes of a request, from its beginning on."""

    def __init__(self, environ: WSGIEnvironment) -> None:
        self._environ = environ
        self._started = time.perf_counter()
        self._entry: dict[str, Any] = {}

    def answer(self, status: str, headers: Mapping[str, str]) -> None:
        """Count the request. To be called within its context, as soon as the head of the answer is known."""
        seconds = time.perf_counter() - self._started
        request: Request = self._environ["werkzeug.request"]
        method = request.method if request.method in METHODS else OTHER
        route = _format_route(request.url_rule.rule) if request.url_rule is not None else UNMATCHED
        code = int(status[:3])
        count_request(method, route, code, seconds)
        self._entry = {
            "method": method,
            "route": route,
            "status": code,
            "ms": round(seconds * 1000, 3),
            "bytes": int(headers["Content-Length"]) if "Content-Length" in headers else None,
            "request_id": self._environ[REQUEST_ID],
            "user_id": (request.view_args or {}).get("user_id"),
        }
        if "sqlstate" in g:
            self._entry["sqlstate"] = g.sqlstate

    def write(self) -> None:
        """Write the log's line, once the answer is on its way: no client waits for it."""
        log_request(self._entry)


@cache
def _format_route(rule: str) -> str:
    return str(FlaskPlugin.flaskpath2openapi(rule))
