"""The production server; gunicorn finds this file by itself."""

import socket
import struct

import gunicorn.util
import orjson

from app import create_app, require_readiness
from app.auth import MODES
from app.headers import SECURITY_HEADERS
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
    """Start the embedded server, if there is to be one, and refuse to serve where something is amiss."""
    hosts = [address[0] for address in server.cfg.address if isinstance(address, tuple)]
    require_readiness(create_app(settings), hosts)
    server.log.info("Authentication: %s", MODES[settings.AUTH_MODE])


def when_ready(server):
    """Bound how long a silent client keeps a thread waiting, and say where to look."""
    for listener in server.LISTENERS:  # From which every connection inherits these.
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            listener.sock.setsockopt(socket.SOL_SOCKET, option, struct.pack("@ll", SILENCE_TIMEOUT, 0))
    server.log.info("Tasks API at http://%s, documentation at http://%s/docs", bind, bind)


def write_error(sock, status_int, reason, mesg):
    """Answer a request that never reaches the application in JSON too; gunicorn knows only HTML."""
    body = orjson.dumps({"detail": reason})
    headers = {"Connection": "close", "Content-Type": "application/json", "Content-Length": len(body)}
    lines = [f"{name}: {value}" for name, value in (headers | SECURITY_HEADERS).items()]
    head = "\r\n".join([f"HTTP/1.1 {status_int} {reason}", *lines, "", ""])
    gunicorn.util.write_nonblock(sock, head.encode() + body)


gunicorn.util.write_error = write_error
