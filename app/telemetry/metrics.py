"""The metrics, over all workers, in the format of Prometheus."""

from functools import cache
from typing import Any

from flask import g, has_app_context
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)  # seconds

REQUESTS = Counter("http_requests_total", "Requests that were answered.", ("method", "route", "status"))
DURATION = Histogram("http_request_duration_seconds", "How long that took.", ("method", "route"), buckets=BUCKETS)
IN_FLIGHT = Gauge("http_requests_in_flight", "Requests that are being answered.", multiprocess_mode="livesum")
POOL_IN_USE = Gauge("database_pool_in_use", "Connections that are in use.", multiprocess_mode="livesum")
POOL_WAITING = Gauge("database_pool_waiting", "Requests that wait for a connection.", multiprocess_mode="livesum")
REFUSALS = Counter("database_errors_total", "Errors of the database, by class of SQLSTATE.", ("sqlstate_class",))


def count_request(method: str, route: str, status: int, seconds: float) -> None:
    """Count a request that was answered."""
    requests, duration = _series(method, route, status)
    requests.inc()
    duration.observe(seconds)


def note_database_error(sqlstate: str | None) -> None:
    """Count an error, and leave its SQLSTATE in `flask.g` for the log's line of the request."""
    REFUSALS.labels(sqlstate[:2] if sqlstate else "connection").inc()
    if has_app_context():
        g.sqlstate = sqlstate or "connection"


def render_metrics() -> bytes:
    """Return the metrics of all workers, or of this process where it is the only one, as with `flask run`."""
    registry = CollectorRegistry()
    try:
        MultiProcessCollector(registry)
    except ValueError:
        registry = REGISTRY
    return generate_latest(registry)


@cache
def _series(method: str, route: str, status: int) -> tuple[Any, Any]:
    return REQUESTS.labels(method, route, status), DURATION.labels(method, route)
