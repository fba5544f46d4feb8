"""How long a thread waits for the body of a request, on an engine that would wait without end."""

import time
from typing import Any

import orjson

from app.telemetry.request_ids import REQUEST_ID
from app.web.fields import NOT_JSON
from app.web.headers import constant_headers

BODY_TIMEOUT = 10  # seconds, for a body as a whole
LATE = orjson.dumps({"detail": [{"loc": ["body"], "msg": NOT_JSON.msg, "type": NOT_JSON.type}]})


class Bodies:
    """The bodies that threads are waiting for."""

    def __init__(self) -> None:
        self.awaited: set[Body] = set()

    def give_up_late_ones(self) -> None:
        """Answer the requests whose bodies did not come in time, which frees their threads."""
        now = time.monotonic()
        for body in self.awaited.copy():
            if body.deadline < now:
                body.give_up()


class Body:
    """The file-like object `wsgi.input` (PEP 3333) of one request."""

    def __init__(self, protocol: Any, environ: dict[str, Any], bodies: Bodies) -> None:
        self._source = environ["wsgi.input"]
        self._protocol = protocol
        self._environ = environ
        self._awaited = bodies.awaited
        self._is_late = False
        self.deadline = 0.0

    def read(self, size: int = -1) -> bytes:
        """Return so many bytes, or all where `size` is negative; fewer at the end. Raises `TimeoutError`."""
        self.deadline = self.deadline or time.monotonic() + BODY_TIMEOUT
        self._awaited.add(self)
        try:
            data: bytes = self._source.read(None if size < 0 else size)
        finally:
            self._awaited.discard(self)
        if self._is_late:
            raise TimeoutError
        return data

    def give_up(self) -> None:
        """Answer in the place of the thread. The engine then closes the connection, and `read` returns."""
        self._is_late = True
        path = self._environ["PATH_INFO"]
        headers = [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(LATE))),
            ("Connection", "close"),
            ("X-Request-ID", self._environ[REQUEST_ID]),
            *constant_headers(path, {}),
        ]
        self._protocol.response_bytes(422, headers, LATE)
