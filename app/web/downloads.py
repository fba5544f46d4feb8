"""Answers that are written to a file first: their length is known, and nothing but the file waits for a slow client."""

import time
from collections.abc import Callable, Iterable, Iterator
from tempfile import SpooledTemporaryFile
from threading import BoundedSemaphore
from typing import IO

from flask import Flask, Response, current_app
from werkzeug.exceptions import ServiceUnavailable

SLOTS = "tasks.downloads"  # the key in `app.extensions`
SLOT_TIMEOUT = 2  # seconds that a request waits until another download has ended
RETRY_AFTER = 10  # seconds
IN_MEMORY = 1024 * 1024  # bytes; a longer file is on the disk
# Bytes of an answer that the server takes from the thread at once. A longer one comes in parts: it would need too much
# memory, but it keeps the thread until the client has read it.
WHOLE_MAX = 4 * 1024 * 1024
PART = 64 * 1024  # bytes
PATIENCE = 10  # seconds that a client may be slow in all
SLOWEST = 16 * 1024  # bytes in a second, beyond that


def init_app(app: Flask) -> None:
    """Let half of the threads send long downloads at the same time."""
    app.extensions[SLOTS] = BoundedSemaphore(max(1, app.config["THREADS"] // 2))


def send_file(parts: Iterable[bytes], content_type: str, name: str) -> Response:
    """Return these bytes as a download of that name.

    They are all written before the first one is sent, so that a failure is answered as any other. Where a client reads
    too slowly, the connection breaks off, and the client notices it by the length.
    """
    file = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 -- the server closes it with the answer.
    try:
        for part in parts:
            file.write(part)  # `writelines` would leave the memory only after the last part.
        size = file.tell()
        file.seek(0)
        release = _take_slot() if size > WHOLE_MAX else None
    except BaseException:
        file.close()
        raise
    response = Response(_read_parts(file, size), content_type=content_type)
    response.content_length = size
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.call_on_close(file.close)
    if release is not None:
        response.call_on_close(release)
    return response


def _take_slot() -> Callable[[], None]:
    """Return what gives the slot back. Raises `ServiceUnavailable`."""
    slots: BoundedSemaphore = current_app.extensions[SLOTS]
    if not slots.acquire(timeout=SLOT_TIMEOUT):
        raise ServiceUnavailable(retry_after=RETRY_AFTER)
    return slots.release


def _read_parts(file: IO[bytes], size: int) -> Iterator[bytes]:
    """Give the file in parts. Raises `EOFError` where it is shorter, and `TimeoutError` where the client is too slow.

    The server breaks off the connection then.
    """
    end = time.monotonic() + PATIENCE + size / SLOWEST
    left = size
    while left:
        part = file.read(PART)
        if not part:
            raise EOFError(f"The last {left} of {size} bytes are not in the file.")
        yield part
        left -= len(part)
        if time.monotonic() > end - left / SLOWEST:
            raise TimeoutError(f"The client has not read the last {left} of {size} bytes in time.")
