"""What the service tells of its requests: an id on every answer, one line in the log, and the metrics."""

import logging
import os
import re
import time
from functools import cache, partial
from typing import Any

from flask import Flask, Response, g, has_request_context, request
from prometheus_client import Counter, Gauge, Histogram

SANE_ID = re.compile(r"[A-Za-z0-9._~-]{1,128}", re.ASCII)
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)  # seconds

REQUESTS = Counter("http_requests_total", "Requests that were answered.", ("method", "route", "status"))
DURATION = Histogram("http_request_duration_seconds", "How long that took.", ("method", "route"), buckets=BUCKETS)
IN_FLIGHT = Gauge("http_requests_in_flight", "Requests that are being answered.", multiprocess_mode="livesum")
POOL_IN_USE = Gauge("database_pool_in_use", "Connections that are in use.", multiprocess_mode="livesum")
POOL_WAITING = Gauge("database_pool_waiting", "Requests that wait for a connection.", multiprocess_mode="livesum")
DATABASE_ERRORS = Counter("database_errors_total", "Errors of the database, by class of SQLSTATE.", ("sqlstate_class",))

logger = logging.getLogger("tasks.requests")


def init_app(app: Flask) -> None:
    """Watch every request of the application, from before anything else looks at it."""
    app.before_request(_begin)
    app.after_request(_identify)
    if app.config["REQUEST_TELEMETRY"]:
        app.before_request(IN_FLIGHT.inc)
        app.after_request(_record)
        app.teardown_request(lambda _error: IN_FLIGHT.dec())


def request_id() -> str:
    """Return the id of the current request: the client's where that is sane, else one of ours."""
    known: str | None = g.get("request_id")
    if known is None:
        sent = request.headers.get("X-Request-ID", "")
        known = g.request_id = sent if SANE_ID.fullmatch(sent) else new_request_id()
    return known


def new_request_id() -> str:
    """Make an id that no other request has."""
    return os.urandom(16).hex()


def note_database_error(sqlstate: str | None) -> None:
    """Count an error, and have the line of the current request name it."""
    DATABASE_ERRORS.labels(sqlstate[:2] if sqlstate else "connection").inc()
    if has_request_context():
        g.sqlstate = sqlstate or "connection"


def _begin() -> None:
    g.started = time.perf_counter()


def _identify(response: Response) -> Response:
    response.headers["X-Request-ID"] = request_id()
    return response


def _record(response: Response) -> Response:
    seconds = time.perf_counter() - g.started
    method = request.method if request.method in METHODS else "OTHER"
    route = _template(request.url_rule.rule) if request.url_rule is not None else "unmatched"
    requests, duration = _series(method, route, response.status_code)
    requests.inc()
    duration.observe(seconds)
    fields: dict[str, Any] = {
        "method": method,
        "route": route,
        "status": response.status_code,
        "ms": round(seconds * 1000, 3),
        "bytes": response.content_length,
        "request_id": request_id(),
        "user_id": (request.view_args or {}).get("user_id"),
    }
    if "sqlstate" in g:
        fields["sqlstate"] = g.sqlstate
    # Once the answer is on its way: nobody has to wait for the line.
    response.call_on_close(partial(logger.info, "request", extra={"fields": fields}))
    return response


@cache
def _template(rule: str) -> str:
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule)


@cache
def _series(method: str, route: str, status: int) -> tuple[Any, Any]:
    return REQUESTS.labels(method, route, status), DURATION.labels(method, route)
