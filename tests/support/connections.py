"""A connection on which a test sends the bytes that it wants, and when it wants."""

import select
import socket
import struct
from collections.abc import Callable
from email.message import Message
from http.client import parse_headers
from typing import NamedTuple
from urllib.parse import urlsplit

from tests.support.service import Service

PROMPT = 5  # seconds, for each answer; in vain, the service waits for twice as long
THREADS = 2  # of the services that a test keeps busy

Start = Callable[..., Service]
Connect = Callable[[Service], "Connection"]


class Answer(NamedTuple):
    status: int
    headers: Message
    body: bytes


class Connection:
    """A connection to a service: requests are sent on it, and answers come one by one."""

    def __init__(self, service: Service) -> None:
        address = urlsplit(service.url())
        self.socket = socket.create_connection((address.hostname, address.port), timeout=PROMPT)
        self.received = self.socket.makefile("rb")

    def send(self, *requests: bytes) -> None:
        self.socket.sendall(b"".join(requests))

    def answer(self, *, has_body: bool = True) -> Answer:
        line = self.received.readline()
        assert line.startswith(b"HTTP/1."), line
        headers = parse_headers(self.received)
        size = int(headers["Content-Length"] or 0) if has_body else 0
        return Answer(int(line.split()[1]), headers, self.received.read(size))

    def ask(self, *requests: bytes) -> Answer:
        self.send(*requests or (request(),))
        return self.answer()

    def has_news(self) -> bool:
        """Tell whether there is something to read, be it only the end."""
        return bool(select.select([self.socket], [], [], 0)[0])

    def is_closed(self) -> bool:
        """Wait for the end of what the service sends, and tell whether it is one."""
        return self.received.read(1) == b""

    def close(self) -> None:
        self.received.close()
        self.socket.close()

    def reset(self) -> None:
        """Break it off, as a client does that crashes."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()


def request(
    path: str = "/health",
    *headers: str,
    method: str = "GET",
    version: str = "HTTP/1.1",
    body: bytes = b"",
    host: str = "Host: localhost\r\n",
) -> bytes:
    if body:
        headers = (*headers, "Content-Type: application/json", f"Content-Length: {len(body)}")
    return f"{method} {path} {version}\r\n{host}".encode() + "\r\n".join([*headers, "", ""]).encode() + body
