"""A client that costs little beside the service: it reads the length of an answer, and nothing else of its head."""

import json
import re
import socket
from collections.abc import Mapping
from urllib.parse import urlsplit

from benchmarks.harness.api import Request

LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
HEAD_END = b"\r\n\r\n"
CHUNK = 256 * 1024  # bytes


class Connection:
    """A connection that is kept, on which one request after another is sent."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._host = address.netloc
        self._socket = socket.create_connection((address.hostname, address.port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def format(self, request: Request, headers: Mapping[str, str] | None = None) -> bytes:
        """Return the bytes of a request."""
        body = json.dumps(request.body).encode() if request.body else b""
        lines = [
            f"{request.method} {request.target} HTTP/1.1",
            f"Host: {self._host}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            *(f"{name}: {value}" for name, value in (headers or {}).items()),
        ]
        return "\r\n".join(lines).encode() + HEAD_END + body

    def ask(self, sent: bytes) -> int:
        """Send a request, read the answer and return its status. Raises `ConnectionError` if the service hangs up."""
        self._socket.sendall(sent)
        received = b""
        while HEAD_END not in received:
            received += self._receive()
        head, _, body = received.partition(HEAD_END)
        length = LENGTH.search(head)
        missing = (int(length[1]) if length else 0) - len(body)
        while missing > 0:
            missing -= len(self._receive())
        return int(head[9:12])

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def _receive(self) -> bytes:
        received = self._socket.recv(CHUNK)
        if not received:
            raise ConnectionError("the service has closed the connection")
        return received
