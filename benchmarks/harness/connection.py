"""One client with one connection, which adds little to the time that it measures."""

import json
import math
import re
import socket
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

from benchmarks.harness.api import Request

TIMEOUT = 60  # seconds, for an answer


class Connection:
    """A connection to a service that is kept open.

    It writes prepared bytes to a socket: `http.client` would add a large part of what is measured, and wrk can't
    alternate between two services.
    """

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._socket = socket.create_connection((str(address.hostname), address.port or 80), TIMEOUT)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self) -> None:
        """Close it."""
        self._socket.close()

    def measure(self, request: Request, headers: Mapping[str, str] | None = None) -> float:
        """Send the request and return the time until its answer, in seconds. The answer must be no error."""
        return self.measure_raw(request.method, request.target, request.body, headers)

    def measure_raw(
        self, method: str, target: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> float:
        """Do the same for any path."""
        content = b"" if body is None else json.dumps(body).encode()
        sent = {"Host": "localhost", **(headers or {})}
        if content:
            sent |= {"Content-Type": "application/json", "Content-Length": str(len(content))}
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items())]
        message = "\r\n".join([*lines, "", ""]).encode() + content
        start = time.perf_counter()
        self._socket.sendall(message)
        answer = self._read_answer()
        seconds = time.perf_counter() - start
        assert answer.startswith((b"HTTP/1.1 2", b"HTTP/1.1 304 ")), (method, target, answer)
        return seconds

    def _read_answer(self) -> bytearray:
        answer = bytearray()
        length = math.inf
        while len(answer) < length:
            received = self._socket.recv(1 << 20)
            if not received:
                raise ConnectionError(f"the answer ends after {len(answer)} bytes")
            answer += received
            end = answer.find(b"\r\n\r\n") if length == math.inf else -1
            if end >= 0:
                declared = re.search(rb"\r\nContent-Length: (\d+)", answer[:end], re.IGNORECASE)
                length = end + 4 + (int(declared[1]) if declared else 0)
        return answer
