"""The production server; gunicorn finds this file by itself."""

import gc
import signal
import socket
import struct
import sys
from pathlib import Path

# Until gunicorn sets its own handlers, Ctrl-C ends the process without a traceback.
signal.signal(signal.SIGINT, lambda *_: sys.exit(130))

from gunicorn import systemd
from gunicorn.glogging import Logger

from app import create_app
from app.auth.tokens import MODES
from app.server.reload import guard_reloads
from app.server.start import choose_worker_class, raise_descriptor_limit, require_free_address, require_readiness
from app.telemetry import logs, metrics
from config import Config

SILENCE_TIMEOUT = 10  # seconds, in the middle of a request or of its answer
SPARE_SLOTS = 8  # of the metrics, for workers that are replaced or added

settings = Config.from_environment()

bind = f"[{settings.HOST}]:{settings.PORT}" if ":" in settings.HOST else f"{settings.HOST}:{settings.PORT}"
workers = settings.WORKERS
threads = settings.THREADS
worker_class, refusal = choose_worker_class(settings.WORKER_CLASS)
worker_connections = 4096
# Longer than the proxy keeps its idle connections to us (deploy/nginx.conf): it must be the first to close one. It also
# bounds the time for the head of a request.
keepalive = 30  # seconds
graceful_timeout = 30  # seconds
# A memory leak stays small; the jitter keeps the workers from being replaced all at once.
max_requests = 50_000
max_requests_jitter = 10_000
# Workers touch a file to show that they are alive, which must not wait for a disk.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None
control_socket_disable = True
# app/web/headers.py takes from proxies what they say of a request. gunicorn must not do so, too.
forwarded_allow_ips = "*"
secure_scheme_headers = {}
forwarder_headers = ""
# Room for 255 characters of four bytes, percent-encoded, and for the answer that a longer user_id deserves.
limit_request_line = 8190
limit_request_fields = 64


class logger_class(Logger):  # noqa: N801 -- the name of the setting.
    """Give all lines of the log one format, gunicorn's own, too."""

    def setup(self, cfg):
        """Configure the loggers of the process."""
        super().setup(cfg)
        logs.configure()


def on_starting(server):
    """Refuse to serve where something is wrong; start the embedded server where no database is configured."""
    for warning in (refusal, raise_descriptor_limit(worker_connections)):
        if warning is not None:
            server.log.warning(warning)
    if not server.master_pid and not systemd.listen_fds(unset_environment=False):  # Otherwise sockets are inherited.
        for address in _list_tcp_addresses(server):
            require_free_address(address)
    server.settled_address = (settings.HOST, settings.PORT)
    metrics.share(2 * server.num_workers + SPARE_SLOTS)
    _prepare(server, settings)
    guard_reloads(server, lambda: _prepare(server, Config.from_environment()))
    server.log.info("Authentication: %s", MODES[settings.AUTH_MODE])


def _prepare(server, wanted):
    """Check that it is safe to serve with these settings, and have the workers serve what was checked."""
    hosts = [host for host, _ in _list_tcp_addresses(server)]
    address = (wanted.HOST, wanted.PORT)
    if address != server.settled_address:  # It changes with a reload.
        require_free_address(address)
        hosts.append(wanted.HOST)
    application = create_app(wanted)
    require_readiness(application, hosts)
    server.settled_address = address
    if not server.cfg.reload:  # With `--reload`, each worker makes its own from the files as they are by then.
        server.app.callable = application


def _list_tcp_addresses(server):
    return [address for address in server.cfg.address if isinstance(address, tuple)]


def when_ready(server):
    """Bound how long a silent client keeps a thread or a connection, and say where to look."""
    for listener in server.LISTENERS:  # Every connection inherits these from its listener.
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):  # They bound gthread only: Granian never blocks.
            listener.sock.setsockopt(socket.SOL_SOCKET, option, struct.pack("@ll", SILENCE_TIMEOUT, 0))
        if listener.FAMILY != socket.AF_UNIX and hasattr(socket, "TCP_USER_TIMEOUT"):
            listener.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENCE_TIMEOUT * 1000)
        server.log.info("Tasks API at %s, documentation at %s/docs", listener, listener)


def pre_fork(server, worker):
    """Give the worker a slot of the metrics that no living worker has."""
    taken = {other.slot for other in server.WORKERS.values()}
    worker.slot = next((slot for slot in range(metrics.count_slots()) if slot not in taken), None)


def post_fork(server, worker):
    """Count in that slot. With `--reload`, forget the application that the master has imported."""
    metrics.use_slot(worker.slot)
    if server.cfg.reload:
        for name in [name for name in sys.modules if name.split(".")[0] in ("app", "config", "wsgi")]:
            del sys.modules[name]


def post_worker_init(worker):
    """Spare the garbage collector all that the start has left: it would walk through it again and again."""
    gc.collect()
    gc.freeze()


def child_exit(server, worker):
    """Forget what only a living worker can have: requests in flight, connections in use."""
    if worker.slot is not None:
        metrics.release_slot(worker.slot)
