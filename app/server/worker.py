"""The worker of gunicorn: its threaded one, with less between a connection and the thread that answers it.

It needs epoll(7), which only Linux has, and builds on methods of `gunicorn.workers.gthread`, whose version is pinned.
"""

import select
import selectors
import socket
import time
from functools import partial
from threading import Thread
from typing import Any

from gunicorn.http.message import Request
from gunicorn.workers.gthread import DEFAULT_WORKER_DATA_TIMEOUT, STOP_KEEPALIVE_LINGER, TConn, ThreadWorker

READABLE_ONCE = select.EPOLLIN | select.EPOLLONESHOT
# Seconds that the other workers have to accept the next of many connections: otherwise one may get them all.
TURN = 0.0002
HEAD_START, HEAD_END = b"HTTP/1.1 ", b"\r\n\r\n"
LINGER = 2  # seconds, for a client to close its end once we have closed ours


class Worker(ThreadWorker):
    """gunicorn's `gthread`, whose threads are leader and followers (Schmidt et al., POSA 2, chapter 5).

    There, the main thread watches the connections, hands each that becomes readable to a pool, and gets it back: two
    changes of threads for each request. Here all threads wait in one epoll(7), which gives a readable connection to one
    of them; it answers, and puts the connection back. This gives 1.2 times the requests a second. The main thread is
    left with accepting, and with closing what is silent for too long.
    """

    def init_process(self) -> None:
        """Prepare the worker, and run it until it has to end."""
        self.epoll = select.epoll()
        self.idle: dict[int, TConn] = {}  # by file descriptor; who takes one out of it owns it
        self.cfg.set("sendfile", False)  # It would overtake the head, and wait for a silent client without end.
        super().init_process()

    def run(self) -> None:
        """Serve until the worker has to end."""
        for number in range(self.cfg.threads):
            Thread(target=self._serve, name=f"worker-{number}", daemon=True).start()
        super().run()

    def accept(self, listener: Any) -> None:
        """Accept a connection, and wait for its first request without a thread."""
        try:
            accepted, address = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return  # Another worker was faster, or the client has gone.
        connection = TConn(self.cfg, _Socket(fileno=accepted.detach()), address, listener.getsockname())
        connection.data_ready = True  # When a thread gets it.
        self.nr_conns += 1
        self._wait(connection, self.epoll.register)
        time.sleep(TURN)

    def handle_request(self, req: Request, conn: TConn) -> bool:
        """Answer one request, and tell whether the connection may be kept."""
        if len(self.idle) >= self.max_keepalived:
            req.force_close()
        kept: bool = super().handle_request(req, conn)
        if isinstance(conn.sock, _Socket):  # And not one of TLS.
            conn.sock.flush()
        return kept

    def murder_keepalived(self, force: bool = False) -> None:
        """Close the connections that were silent for too long, or all that are silent."""
        now = time.monotonic()
        for descriptor, connection in self.idle.copy().items():
            if connection.timeout > now and not force:
                break
            if self.idle.pop(descriptor, None) is not None:
                self._drop(connection)

    def _cap_keepalive(self, deadline: float) -> None:
        for connection in self.idle.copy().values():
            connection.timeout = min(connection.timeout, deadline)

    def _serve(self) -> None:
        while True:
            for descriptor, _ in self.epoll.poll(maxevents=1):
                connection = self.idle.pop(descriptor, None)
                if connection is not None:
                    self._answer(connection)

    def _answer(self, connection: TConn) -> None:
        """Answer what has come, and wait for more or close the connection."""
        kept = self.handle(connection)
        while kept and connection.parser.unreader.buf.getvalue():  # The client has sent requests ahead.
            kept = self.handle(connection)
        if kept:
            self._wait(connection, self.epoll.modify)
        else:
            self.method_queue.defer(self._finish, connection)

    def _wait(self, connection: TConn, watch: Any) -> None:
        # Without keep-alive, this is for its first request.
        connection.timeout = time.monotonic() + (self.cfg.keepalive or DEFAULT_WORKER_DATA_TIMEOUT)
        descriptor = connection.sock.fileno()
        self.idle[descriptor] = connection
        if not self.alive:  # The main thread may have looked through all that are idle before this one was.
            self._cap_keepalive(time.monotonic() + STOP_KEEPALIVE_LINGER)
        watch(descriptor, READABLE_ONCE)

    def _finish(self, connection: TConn) -> None:
        """Send no more, and let the client close its end first: else it may lose the answer (RFC 9112, section 9.6)."""
        try:
            connection.sock.shutdown(socket.SHUT_WR)
        except OSError:  # It has.
            self._drop(connection)
            return
        connection.timeout = time.monotonic() + LINGER
        self.pending_conns.append(connection)  # Which the main thread closes when their time is over.
        self.poller.register(connection.sock, selectors.EVENT_READ, partial(self._drain, connection))

    def _drain(self, connection: TConn, sock: socket.socket) -> None:
        try:
            ended = not sock.recv(65536, socket.MSG_DONTWAIT)
        except OSError:
            ended = True
        if ended:
            self.poller.unregister(sock)
            self.pending_conns.remove(connection)
            self._drop(connection)

    def _drop(self, connection: TConn) -> None:
        self.nr_conns -= 1
        connection.close()


class _Socket(socket.socket):
    """The socket of a connection, with six system calls less for each request.

    It always blocks, as nobody else waits for it, and for no longer than the timeouts that it has from its listener.
    The head of an answer waits for the body, to be sent with it.
    """

    head = b""

    def setblocking(self, flag: bool) -> None:
        """Leave it as it is."""

    def settimeout(self, value: float | None) -> None:
        """Leave it as it is."""

    def sendall(self, data: bytes, flags: int = 0) -> None:  # type: ignore[override]
        """Send the data, or keep it until the next call where it is no more than a head."""
        if not self.head and data.startswith(HEAD_START) and data.endswith(HEAD_END):
            self.head = data
        else:
            super().sendall(self.head + data, flags)
            self.head = b""

    def flush(self) -> None:
        """Send the head of an answer that has no body."""
        if self.head:
            self.sendall(b"")
