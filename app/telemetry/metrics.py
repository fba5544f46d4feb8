"""The metrics over all workers, in memory that they share, written out in the format of Prometheus.

Each worker counts in a slot of its own, so no worker waits for another. When a worker ends, the next one goes on
counting in its slot: totals stay right, and the memory stays the same however many workers come and go. The files by
which prometheus_client shares metrics between processes grow with each worker that ends, without bound.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from functools import cache
from http import HTTPStatus
from mmap import mmap
from threading import Lock

from flask import g, has_app_context
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

UNMATCHED = "unmatched"  # in the place of a route, where there is none, or one that was never named
OTHER = "OTHER"  # in the place of a method that HTTP does not define, so that no client can make series
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", OTHER)
STATUSES = tuple(HTTPStatus)
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)  # seconds
ROUTES_MAX = 64
CONNECTION = "connection"  # in the place of a SQLSTATE, where the connection itself failed
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
CLASSES = (CONNECTION, *(first + second for first in DIGITS for second in DIGITS))
GAUGES = {
    "http_requests_in_flight": "Requests that are being answered.",
    "database_pool_in_use": "Connections that are in use.",
    "database_pool_waiting": "Requests that wait for a connection.",
}

# A slot is an array of float64: gauges, errors by class; and for each route and method: sum of seconds, requests by
# bucket of seconds, requests by status.
ERRORS_START = len(GAUGES)
SERIES_START = ERRORS_START + len(CLASSES)
SERIES_SIZE = 1 + len(BUCKETS) + 1 + len(STATUSES)
SLOT_SIZE = SERIES_START + ROUTES_MAX * len(METHODS) * SERIES_SIZE
FLOAT_SIZE = 8  # bytes

_METHOD_NUMBERS = {method: number for number, method in enumerate(METHODS)}
_STATUS_NUMBERS = {int(status): number for number, status in enumerate(STATUSES)}
_CLASS_NUMBERS = {name: number for number, name in enumerate(CLASSES)}
_lock = Lock()


def _allocate(slots: int) -> "memoryview[float]":
    """Return memory for so many slots, full of zeros, which children of this process share."""
    return memoryview(mmap(-1, slots * SLOT_SIZE * FLOAT_SIZE)).cast("d")


_slots = _mine = _allocate(1)
_routes: list[str] = []


def share(slots: int) -> None:
    """Make room for so many workers. To be called in their parent, before the first one is forked."""
    global _slots  # noqa: PLW0603 -- one memory for the process and its children.
    _slots = _allocate(slots)


def count_slots() -> int:
    """Return how many slots there are."""
    return len(_slots) // SLOT_SIZE


def use_slot(number: int | None) -> None:
    """Count in that slot from now on; in memory that nobody sees where the number is None."""
    global _mine  # noqa: PLW0603 -- one slot for the process.
    _mine = _allocate(1) if number is None else _slots[number * SLOT_SIZE : (number + 1) * SLOT_SIZE]


def release_slot(number: int) -> None:
    """Set the gauges of a slot to zero, once its worker has ended. Its counters stay."""
    for gauge in range(len(GAUGES)):
        _slots[number * SLOT_SIZE + gauge] = 0


def name_routes(routes: Iterable[str]) -> None:
    """Say which routes there are, as templates of their paths; the same in each worker. Raises `ValueError`."""
    _routes[:] = sorted({UNMATCHED, *routes})
    if len(_routes) > ROUTES_MAX:
        raise ValueError(f"more than {ROUTES_MAX} routes")
    _find_series.cache_clear()


class Gauge:
    """A number of things that are so at this moment."""

    def __init__(self, name: str) -> None:
        self._number = tuple(GAUGES).index(name)

    def add(self, difference: int) -> None:
        """Change the number."""
        with _lock:
            _mine[self._number] += difference


IN_FLIGHT = Gauge("http_requests_in_flight")
POOL_IN_USE = Gauge("database_pool_in_use")
POOL_WAITING = Gauge("database_pool_waiting")


def count_request(method: str, route: str, status: int, seconds: float) -> None:
    """Count a request that was answered."""
    series = _find_series(method, route)
    bucket = series + 1 + bisect_left(BUCKETS, seconds)
    answer = series + SERIES_SIZE - len(STATUSES) + _STATUS_NUMBERS.get(status, _STATUS_NUMBERS[status // 100 * 100])
    with _lock:
        _mine[series] += seconds
        _mine[bucket] += 1
        _mine[answer] += 1


def note_database_error(sqlstate: str | None) -> None:
    """Count an error, and leave its SQLSTATE in `flask.g` for the line of the request in the log."""
    number = _CLASS_NUMBERS.get(sqlstate[:2] if sqlstate else CONNECTION, 0)
    with _lock:
        _mine[ERRORS_START + number] += 1
    if has_app_context():
        g.sqlstate = sqlstate or CONNECTION


def render_metrics() -> bytes:
    """Return the metrics of all workers in Prometheus's text format, version 0.0.4."""
    registry = CollectorRegistry()
    registry.register(_Workers())
    return generate_latest(registry)


@cache
def _find_series(method: str, route: str) -> int:
    """Return where the series of a route and a method begins in a slot."""
    number = _routes.index(route if route in _routes else UNMATCHED)
    return SERIES_START + (number * len(METHODS) + _METHOD_NUMBERS[method]) * SERIES_SIZE


class _Workers(Collector):
    """The sums over all slots, as prometheus_client wants them."""

    def __init__(self) -> None:
        self._parts = [_slots[start : start + SLOT_SIZE] for start in range(0, len(_slots), SLOT_SIZE)]

    def collect(self) -> Iterator[Metric]:
        """Return all metrics."""
        requests = CounterMetricFamily(
            "http_requests_total", "Requests that were answered.", labels=("method", "route", "status")
        )
        duration = HistogramMetricFamily(
            "http_request_duration_seconds", "How long that took.", labels=("method", "route")
        )
        for route in _routes:
            for method in METHODS:
                self._add_series(requests, duration, method, route)
        yield from (requests, duration)
        for number, (name, text) in enumerate(GAUGES.items()):
            yield GaugeMetricFamily(name, text, value=self._sum(number))
        errors = CounterMetricFamily(
            "database_errors_total", "Errors of the database, by class of SQLSTATE.", labels=("sqlstate_class",)
        )
        for number, name in enumerate(CLASSES):
            total = self._sum(ERRORS_START + number)
            if total or name == CONNECTION:
                errors.add_metric((name,), total)
        yield errors

    def _add_series(
        self, requests: CounterMetricFamily, duration: HistogramMetricFamily, method: str, route: str
    ) -> None:
        series = _find_series(method, route)
        seconds = self._sum(series)
        if not seconds:
            return
        total, buckets = 0.0, []
        for number, bound in enumerate((*BUCKETS, math.inf), 1):
            total += self._sum(series + number)
            buckets.append((floatToGoString(bound), total))
        duration.add_metric((method, route), buckets, seconds)
        for number, status in enumerate(STATUSES, series + SERIES_SIZE - len(STATUSES)):
            if count := self._sum(number):
                requests.add_metric((method, route, str(int(status))), count)

    def _sum(self, number: int) -> float:
        return sum(part[number] for part in self._parts)
