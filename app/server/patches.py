"""What gunicorn has no setting for."""

import time
from functools import lru_cache
from socket import socket
from wsgiref.handlers import format_date_time

import gunicorn.util
import orjson

from app.telemetry.request_ids import new_request_id
from app.web.headers import SECURITY_HEADERS


def apply() -> None:
    """Answer in JSON what never reaches the application, and format the time once in a second."""
    gunicorn.util.write_error = _write_error
    # gunicorn makes the header `Date` anew for each answer, which takes 3 % of a read.
    gunicorn.util.http_date = lambda: _format_date(int(time.time()))


def _write_error(connection: socket, status: int, reason: str, _message: str) -> None:
    body = orjson.dumps({"detail": reason})
    headers = {
        "Connection": "close",
        "Content-Type": "application/json",
        "Content-Length": len(body),
        "X-Request-ID": new_request_id(),
        **dict(SECURITY_HEADERS),
    }
    lines = [f"{name}: {value}" for name, value in headers.items()]
    head = "\r\n".join([f"HTTP/1.1 {status} {reason}", *lines, "", ""])
    gunicorn.util.write_nonblock(connection, head.encode() + body)


@lru_cache(maxsize=1)
def _format_date(second: int) -> str:
    """Return the time as a header has it (RFC 9110, section 5.6.7)."""
    return format_date_time(second)
