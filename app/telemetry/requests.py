"""What the service tells of its requests: an id on every answer, one line in the log, and the metrics."""

import random
import re
import time
from collections.abc import Iterable
from functools import cache, partial
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Flask, Request, has_request_context, request
from prometheus_client import Counter, Gauge, Histogram
from werkzeug.wsgi import ClosingIterator

from app.telemetry.logs import REQUEST_ID, log_request

SANE_ID = re.compile(r"[A-Za-z0-9._~-]{1,128}", re.ASCII)
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)  # seconds
SQLSTATE = "tasks.sqlstate"  # in the WSGI environment

REQUESTS = Counter("http_requests_total", "Requests that were answered.", ("method", "route", "status"))
DURATION = Histogram("http_request_duration_seconds", "How long that took.", ("method", "route"), buckets=BUCKETS)
IN_FLIGHT = Gauge("http_requests_in_flight", "Requests that are being answered.", multiprocess_mode="livesum")
POOL_IN_USE = Gauge("database_pool_in_use", "Connections that are in use.", multiprocess_mode="livesum")
POOL_WAITING = Gauge("database_pool_waiting", "Requests that wait for a connection.", multiprocess_mode="livesum")
DATABASE_ERRORS = Counter("database_errors_total", "Errors of the database, by class of SQLSTATE.", ("sqlstate_class",))


def init_app(app: Flask) -> None:
    """Watch every request of the application from outside of Flask, which costs less than its hooks would."""
    if app.config["REQUEST_TELEMETRY"]:
        app.wsgi_app = _recorded(app.wsgi_app)  # type: ignore[assignment, method-assign]
    app.wsgi_app = _identified(app.wsgi_app)  # type: ignore[assignment, method-assign]


def new_request_id() -> str:
    """Make an id that no other request has. It is no secret."""
    return f"{random.getrandbits(128):032x}"


def note_database_error(sqlstate: str | None) -> None:
    """Count an error, and have the line of the current request name it."""
    DATABASE_ERRORS.labels(sqlstate[:2] if sqlstate else "connection").inc()
    if has_request_context():
        request.environ[SQLSTATE] = sqlstate or "connection"


def _identified(app: WSGIApplication) -> WSGIApplication:
    """Wrap a WSGI application (PEP 3333) so that every answer has `X-Request-ID`."""

    def identified(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        sent = environ.get("HTTP_X_REQUEST_ID", "")
        request_id = environ[REQUEST_ID] = sent if SANE_ID.fullmatch(sent) else new_request_id()

        def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            return start_response(status, [*headers, ("X-Request-ID", request_id)], *exc_info)

        return app(environ, start)

    return identified


def _recorded(app: WSGIApplication) -> WSGIApplication:
    """Wrap a WSGI application (PEP 3333) so that every request is counted, and leaves a line once it is answered."""

    def recorded(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        started = time.perf_counter()
        entry: dict[str, Any] = {}

        def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            entry.update(_record(environ["werkzeug.request"], time.perf_counter() - started, int(status[:3]), headers))
            return start_response(status, headers, *exc_info)

        IN_FLIGHT.inc()
        try:
            answer = app(environ, start)
        finally:
            IN_FLIGHT.dec()
        # Once the answer is on its way: nobody has to wait for the line.
        return ClosingIterator(answer, partial(log_request, entry))

    return recorded


def _record(request: Request, seconds: float, status: int, headers: list[tuple[str, str]]) -> dict[str, Any]:
    """Count the request, and return what the log will tell of it."""
    method = request.method if request.method in METHODS else "OTHER"
    route = _template(request.url_rule.rule) if request.url_rule is not None else "unmatched"
    requests, duration = _series(method, route, status)
    requests.inc()
    duration.observe(seconds)
    entry = {
        "method": method,
        "route": route,
        "status": status,
        "ms": round(seconds * 1000, 3),
        "bytes": next((int(value) for name, value in headers if name == "Content-Length"), None),
        "request_id": request.environ[REQUEST_ID],
        "user_id": (request.view_args or {}).get("user_id"),
    }
    if SQLSTATE in request.environ:
        entry["sqlstate"] = request.environ[SQLSTATE]
    return entry


@cache
def _template(rule: str) -> str:
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule)


@cache
def _series(method: str, route: str, status: int) -> tuple[Any, Any]:
    return REQUESTS.labels(method, route, status), DURATION.labels(method, route)
