"""The worker class of gunicorn whose HTTP is Granian's, as `uvicorn-worker` has it for uvicorn.

gunicorn's master keeps processes, sockets and signals. In the worker, Granian's runtime (hyper, in Rust, on one thread
of its own) speaks HTTP and calls the WSGI application in `threads` threads. No thread waits for a slow head, a slow
reader or an idle connection.

Granian has no public interface for this. Its version is pinned, its private names are used in this file only, and
`tests/server/test_worker.py` says what to do when they change. Where they can't be imported, gunicorn's own threads
serve (`app.server.start.choose_worker_class`).
"""

import asyncio
import os
import select
import sys
import time
from threading import Event
from typing import Any
from wsgiref.types import WSGIEnvironment

from granian._futures import _new_cbscheduler
from granian._granian import SocketHolder, WorkerSignal, WSGIWorker
from granian.http import HTTP1Settings
from gunicorn.workers.base import Worker
from werkzeug.wsgi import ClosingIterator

from app.server.bodies import Bodies, Body
from app.web.downloads import WHOLE_MAX

HEAD_MAX = 32 * 1024  # bytes, for the request line and all header fields
THREAD_IDLE = 365 * 24 * 3600  # seconds: a thread is kept, with its connection to the database
TICK = 1  # seconds between two signs of life for the master
# Seconds in which a worker that ends still answers on the connections that it has, and closes each with the answer. A
# client that sends a request while its idle connection is being closed would lose it.
LINGER = 0.2
NO_TLS: tuple[Any, ...] = (False, None, None, None, "tls1.3", None, [], False)
NO_METRICS = (None, None)
WHOLE = (list, tuple)  # A body of this type is complete, and is sent at once.
CONSTANT_ENVIRON = {
    "SCRIPT_NAME": "",
    "wsgi.errors": sys.stderr,
    "wsgi.multiprocess": True,
    "wsgi.multithread": True,
    "wsgi.run_once": False,
    "wsgi.version": (1, 0),
}


class GranianWorker(Worker):
    """One process: Granian serves in threads, and the main thread tells the master that the process is alive."""

    alive: bool

    def run(self) -> None:
        """Serve until the worker has to end; then answer what was sent, for at most `graceful_timeout` seconds."""
        self.bodies = Bodies()
        is_drained = Event()
        stop = WorkerSignal()
        stop.add_cb(is_drained.set)
        self._serve(stop)
        while self.alive and self.ppid == os.getppid():
            self._wait(TICK)
        self._wait(LINGER)
        # Otherwise connections would go on queueing up for this process, and be reset when it exits. Once the runtime
        # of the last worker has closed its descriptor, they are refused, and a proxy tries another instance.
        for listener in self.sockets:
            listener.close()
        stop.set()
        end = time.monotonic() + self.cfg.graceful_timeout
        while not is_drained.wait(TICK) and time.monotonic() < end:
            self._show_life()

    def _serve(self, stop: WorkerSignal) -> None:
        """Start the runtime, whose threads call `_answer`."""
        (listener,) = self.sockets
        is_unix = isinstance(listener.getsockname(), str)
        # The runtime closes its descriptor when it stops.
        holder = SocketHolder(os.dup(listener.fileno()), is_unix, self.cfg.backlog)
        engine = WSGIWorker(
            self.age,
            (None, holder),
            None,  # no channel to a parent process of Granian's
            1,  # thread of the runtime
            1,  # thread for files, which Granian does not serve here
            self.cfg.threads,
            THREAD_IDLE,
            self.cfg.worker_connections,
            "1",  # HTTP/1.1
            HTTP1Settings(header_read_timeout=self.cfg.keepalive * 1000, max_buffer_size=HEAD_MAX),
            None,  # settings of HTTP/2
            None,  # files
            *NO_TLS,
            NO_METRICS,
        )
        loop = asyncio.new_event_loop()
        serve = engine.serve_str_uds if is_unix else engine.serve_str
        serve(_new_cbscheduler(loop, self._answer), loop, stop)

    def _wait(self, seconds: float) -> None:
        """Wait so long, or until a signal comes."""
        self._show_life()
        if select.select([self.PIPE[0]], [], [], seconds)[0]:
            os.read(self.PIPE[0], 4096)

    def _show_life(self) -> None:
        self.notify()
        self.bodies.give_up_late_ones()

    def _answer(self, protocol: Any, environ: WSGIEnvironment) -> None:
        """Call the application (PEP 3333), and hand its answer to the runtime."""
        self._count()
        environ.update(CONSTANT_ENVIRON)
        environ["wsgi.input"] = Body(protocol, environ, self.bodies)
        environ["wsgi.input_terminated"] = "HTTP_TRANSFER_ENCODING" in environ
        head = _Head()
        body = self.wsgi(environ, head)
        headers = head.headers if self.alive else [*head.headers, ("Connection", "close")]
        if isinstance(body, WHOLE) or _find_length(headers) <= WHOLE_MAX:
            # In parts, a client that does not read would keep the thread.
            protocol.response_bytes(head.status, headers, b"".join(body))
            if hasattr(body, "close"):
                body.close()
        else:
            protocol.response_iter(head.status, headers, ClosingIterator(body))

    def _count(self) -> None:
        self.nr += 1
        if self.nr >= self.max_requests and self.alive:
            self.log.info("Worker %s ends after %s requests", self.pid, self.nr)
            self.alive = False
            os.write(self.PIPE[1], b".")


def _find_length(headers: list[tuple[str, str]]) -> float:
    """Return how many bytes the body has: infinity where it is not known."""
    return next((int(value) for name, value in headers if name.lower() == "content-length"), float("inf"))


class _Head:
    """The callable `start_response` of PEP 3333, which keeps what it is told."""

    __slots__ = ("headers", "status")

    def __call__(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
        self.status = int(status[:3])
        self.headers = headers
