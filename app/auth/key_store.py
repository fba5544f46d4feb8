"""The key set as last fetched, in memory that all workers of a machine share and that outlives each of them."""

import fcntl
import math
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from mmap import mmap

from app.auth.jwks import SIZE_LIMIT, TIMEOUT

NUMBERS = TRIED_AT, IS_UNDER_WAY, FETCHED_AT, LENGTH = range(4)
HEAD_SIZE = len(NUMBERS) * 8  # bytes
# A fetch that takes longer, with a name server that does not answer for one, or whose process was killed, counts no
# more. Another one may begin then.
ENDS_WITHIN = 2 * TIMEOUT  # seconds


class KeyStore:
    """What is known of the key set, and which fetch is under way.

    The children of a process that makes a store share it. All times are those of `time.monotonic`, which is the same
    clock in every process. Unlike a file, the store can be reached by no other process.
    """

    def __init__(self) -> None:
        self._file = _open_anonymous_file()
        os.truncate(self._file, HEAD_SIZE + SIZE_LIMIT)
        self._memory = mmap(self._file, HEAD_SIZE + SIZE_LIMIT)
        self._numbers = memoryview(self._memory)[:HEAD_SIZE].cast("d")
        self._numbers[TRIED_AT] = self._numbers[FETCHED_AT] = -math.inf
        self._lock = threading.Lock()

    @property
    def tried_at(self) -> float:
        """When the last fetch began."""
        return self._numbers[TRIED_AT]

    @property
    def fetched_at(self) -> float:
        """When the fetch began that brought the document."""
        return self._numbers[FETCHED_AT]

    def is_fetching(self) -> bool:
        """Tell whether a fetch is under way in any process."""
        is_alive = time.monotonic() - self.tried_at < ENDS_WITHIN
        return bool(self._numbers[IS_UNDER_WAY]) and is_alive

    def begin_fetch(self, pause: float) -> float | None:
        """Return when the fetch began, which the caller then has to make; None where it may not.

        It may not where one is under way, or began less than `pause` seconds ago.
        """
        with self._locked():
            now = time.monotonic()
            if self.is_fetching() or now - self.tried_at < pause:
                return None
            self._numbers[TRIED_AT] = now
            self._numbers[IS_UNDER_WAY] = 1
            return now

    def end_fetch(self, began_at: float, document: bytes | None) -> None:
        """Note how the fetch ended that began then: with a document, or with None."""
        with self._locked():
            if document is not None and began_at > self.fetched_at:
                self._memory[HEAD_SIZE : HEAD_SIZE + len(document)] = document
                self._numbers[LENGTH] = len(document)
                self._numbers[FETCHED_AT] = began_at
            if began_at == self.tried_at:
                self._numbers[IS_UNDER_WAY] = 0

    def read(self) -> tuple[float, bytes]:
        """Return when the fetch began that brought the document, and the document."""
        with self._locked():
            length = int(self._numbers[LENGTH])
            return self.fetched_at, self._memory[HEAD_SIZE : HEAD_SIZE + length]

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Exclude the other threads, and the other processes; the kernel takes the lock from one that is killed."""
        with self._lock:
            fcntl.lockf(self._file, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN)


@cache
def find_store(url: str) -> KeyStore:
    """Return the store for the key set at that URL, of which this process has one. It survives a reload of gunicorn."""
    return KeyStore()


def _open_anonymous_file() -> int:
    """Return the descriptor of a file without a name."""
    if sys.platform == "linux":
        return os.memfd_create("key set")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
