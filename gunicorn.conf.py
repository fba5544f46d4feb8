"""The production server; gunicorn finds this file by itself."""

import socket
import struct

import gunicorn.util
import orjson

from app import create_app, database
from app.extensions import db
from config import Config

SILENCE_TIMEOUT = 10  # seconds, in the middle of a request or of its answer

settings = Config.from_environment()

bind = f"[{settings.HOST}]:{settings.PORT}" if ":" in settings.HOST else f"{settings.HOST}:{settings.PORT}"
workers = settings.WORKERS
threads = settings.THREADS
worker_class = "gthread"
control_socket_disable = True
# Room for 255 characters of four bytes, percent-encoded, and for the answer that a longer user_id deserves.
limit_request_line = 8190


def on_starting(server):
    """Start the embedded server, if there is to be one, and refuse to serve from a database that lacks a migration."""
    app = create_app(settings)
    with app.app_context():
        database.require_newest_schema()
        db.engine.dispose()  # The workers are about to be forked, and a connection can't be shared.


def when_ready(server):
    """Bound how long a silent client keeps a thread waiting, and say where to look."""
    for listener in server.LISTENERS:  # From which every connection inherits these.
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            listener.sock.setsockopt(socket.SOL_SOCKET, option, struct.pack("@ll", SILENCE_TIMEOUT, 0))
    server.log.info("Tasks API at http://%s, documentation at http://%s/docs", bind, bind)


def write_error(sock, status_int, reason, mesg):
    """Answer a request that never reaches the application in JSON too; gunicorn knows only HTML."""
    body = orjson.dumps({"detail": reason})
    head = (
        f"HTTP/1.1 {status_int} {reason}\r\n"
        "Connection: close\r\n"
        "Content-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    gunicorn.util.write_nonblock(sock, head.encode() + body)


gunicorn.util.write_error = write_error
