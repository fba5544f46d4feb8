"""The production server; gunicorn finds this file by itself."""

import gc
import os
import select
import shutil
import socket
import struct
import sys
import tempfile
from pathlib import Path

from gunicorn.glogging import Logger

from config import Config

# What must not wait for a disk: the files that workers touch to prove that they are alive, and those of their metrics.
memory = "/dev/shm" if Path("/dev/shm").is_dir() else None

# The workers share their metrics in files. Whoever imports prometheus_client must have been told where; a reload of
# this file keeps the place.
if "prometheus_client" not in sys.modules:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="tasks-api-metrics-", dir=memory)

from prometheus_client.multiprocess import mark_process_dead

from app import create_app
from app.auth.tokens import MODES
from app.server import patches
from app.server.start import require_readiness
from app.telemetry import logs

SILENCE_TIMEOUT = 10  # seconds, in the middle of a request or of its answer

settings = Config.from_environment()

bind = f"[{settings.HOST}]:{settings.PORT}" if ":" in settings.HOST else f"{settings.HOST}:{settings.PORT}"
workers = settings.WORKERS
threads = settings.THREADS
worker_class = "app.server.worker.Worker" if hasattr(select, "epoll") else "gthread"
# Longer than the proxy keeps its connections to us (deploy/nginx.conf): it must be the first to close one.
keepalive = 75  # seconds
graceful_timeout = 30  # seconds
# A leak, wherever it may be, stays small; the jitter keeps the workers from being replaced all at once.
max_requests = 50_000
max_requests_jitter = 10_000
worker_tmp_dir = memory
control_socket_disable = True
# What proxies say of a request is taken from them in app/headers.py. Here nothing is, so nobody's address is looked up.
forwarded_allow_ips = "*"
secure_scheme_headers = {}
forwarder_headers = ""
# Room for 255 characters of four bytes, percent-encoded, and for the answer that a longer user_id deserves.
limit_request_line = 8190
limit_request_fields = 64


class logger_class(Logger):  # noqa: N801 -- the name of the setting.
    """Have all lines of the log look alike, those of gunicorn too."""

    def setup(self, cfg):
        """Configure the loggers of the process."""
        super().setup(cfg)
        logs.configure()


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


def post_worker_init(worker):
    """Spare the garbage collector all that the start has left: it would walk through it again and again."""
    gc.collect()
    gc.freeze()


def child_exit(server, worker):
    """Forget what only a living worker can have: requests in flight, connections in use."""
    mark_process_dead(worker.pid)


def on_exit(server):
    """Clear the metrics away."""
    shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)


patches.apply()
