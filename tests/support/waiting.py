"""Waiting for a condition, instead of sleeping."""

import time
from collections.abc import Callable
from typing import Any

DEADLINE = 60  # seconds, for whatever a test waits for


def wait_for(condition: Callable[[], Any]) -> Any:
    """Return what `condition` returns once that is true."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        if result := condition():
            return result
        time.sleep(0.02)
    raise TimeoutError(condition)
