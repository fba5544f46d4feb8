"""SIGHUP: reload the settings, if a start with them would be allowed; or end, if the terminal was closed."""

import os
import signal
from collections.abc import Callable
from functools import partial
from typing import Any


def guard_reloads(server: Any, prepare: Callable[[], None]) -> None:
    """Have gunicorn's arbiter reload only where `prepare` raises no `config.StartError`.

    Otherwise the workers go on as they are. A service that was started from a terminal ends with it, unless SIGHUP was
    ignored at the start (`nohup`). To be called before the arbiter sets its signal handlers.
    """
    ends_with_terminal = _has_terminal() and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
    server.reload = partial(_reload, server, server.reload, prepare, ends_with_terminal)


def _reload(server: Any, reload: Callable[[], None], prepare: Callable[[], None], ends_with_terminal: bool) -> None:
    if ends_with_terminal and not _has_terminal():
        raise StopIteration  # As the arbiter does on SIGTERM.
    try:
        prepare()
        reload()
    except SystemExit as refusal:
        if os.getpid() != server.pid:  # A worker that was forked meanwhile, and ends.
            raise
        server.log.error("The reload is refused, and the workers go on as they are: %s", refusal)


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
