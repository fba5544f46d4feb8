"""A proxy that loses answers, as a broken connection does, and that can say that the service is busy."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import requests

from tests.support.waiting import DEADLINE

BUSY = b'{"detail":"Service temporarily unavailable"}'
NOT_FORWARDED = {"connection", "content-length", "date", "server", "transfer-encoding"}


class LossyProxy:
    """A proxy before the service at `target`; `asked` lists the requests that it got.

    The next answer to a method in `to_lose` is lost, after the service acted. `busy` requests are answered 503, with
    `retry_after`.
    """

    def __init__(self, target: str) -> None:
        self.target = target
        self.to_lose: set[str] = set()
        self.busy = 0
        self.retry_after = "0.1"
        self.asked: list[tuple[str, str]] = []
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def __getattr__(self, name: str) -> Callable[[], None]:
                if not name.startswith("do_"):
                    raise AttributeError(name)
                return lambda: proxy.forward(self)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def forward(self, handler: BaseHTTPRequestHandler) -> None:
        self.asked.append((handler.command, handler.path))
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        if self.busy > 0 and handler.command != "OPTIONS":
            self.busy -= 1
            handler.send_response(503)
            handler.send_header("Retry-After", self.retry_after)
            handler.send_header("Access-Control-Allow-Origin", handler.headers.get("Origin", "*"))
            handler.send_header("Access-Control-Expose-Headers", "Retry-After")
            handler.send_header("Content-Length", str(len(BUSY)))
            handler.end_headers()
            handler.wfile.write(BUSY)
            return
        headers = {name: value for name, value in handler.headers.items() if name.lower() != "content-length"}
        try:
            answer = requests.request(
                handler.command, self.target + handler.path, headers=headers, data=body or None, timeout=DEADLINE
            )
        except requests.ConnectionError:
            return  # The service is away: the client sees that its connection ends.
        if handler.command in self.to_lose:
            self.to_lose.remove(handler.command)
            return
        handler.send_response(answer.status_code)
        for name, value in answer.headers.items():
            if name.lower() not in NOT_FORWARDED:
                handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(answer.content)))
        handler.end_headers()
        handler.wfile.write(answer.content)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def losing(target: str) -> Iterator[LossyProxy]:
    """Run such a proxy for as long as the block takes."""
    proxy = LossyProxy(target)
    try:
        yield proxy
    finally:
        proxy.stop()
