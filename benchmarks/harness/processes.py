"""Processes: the CPU time they use, and the signals that end this one."""

import signal
import sys
import time
from contextlib import suppress

import psutil

from tests.support.waiting import wait_for

IDLE_SECONDS = 0.2  # without CPU time, after which processes count as idle


def exit_on_signals() -> None:
    """Let a signal raise `SystemExit` in this process, so that it stops the servers it has started."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit("Interrupted: nothing is written."))


def list_processes(pid: int) -> list[psutil.Process]:
    """Return a process and its descendants; none where it has ended."""
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def read_cpu_seconds(pid: int) -> float:
    """Return the CPU time, user and system, that a process and its descendants have used so far."""
    total = 0.0
    for process in list_processes(pid):
        with suppress(psutil.NoSuchProcess):
            # The times of its children are those of processes that have ended, so nothing is counted twice.
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def wait_until_idle(*pids: int) -> None:
    """Wait until these processes and their descendants have used no CPU time for a while."""
    last, since = [read_cpu_seconds(pid) for pid in pids], time.monotonic()

    def is_idle() -> bool:
        nonlocal last, since
        now = [read_cpu_seconds(pid) for pid in pids]
        if now != last:
            last, since = now, time.monotonic()
        return time.monotonic() - since > IDLE_SECONDS

    wait_for(is_idle)
