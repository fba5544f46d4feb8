"""The issuer's keys: fetched in the background, cached, and kept in use while the issuer is down."""

import logging
import math
import time
from functools import lru_cache
from threading import BoundedSemaphore, Lock, Thread

from jwt import PyJWK

from app.auth.jwks import FETCH_ERRORS, Keys, fetch, read_keys
from app.auth.key_store import KeyStore, find_store
from app.exceptions import KeysUnavailable

REFRESH_AFTER = 300  # seconds
PAUSE = 5  # seconds between two fetches, whatever asks for them
PAUSE_WITHOUT_KEYS = 1  # seconds, while nobody can be let in
WAIT = 1  # seconds that a request waits for a fetch
POLL = 0.01  # seconds
UNKNOWN_MAX = 1000  # key ids

logger = logging.getLogger("app.keys")


class KeySet:
    """The public keys behind a URL, by key id and algorithm.

    All workers together make one fetch in a while, however many tokens name keys that are not known. No request waits
    while a set is in use, but for those that bring an unknown key id; and only so many of them at once as `waiters`.
    """

    def __init__(self, url: str, max_stale: float, waiters: int = 1, store: KeyStore | None = None) -> None:
        self._url = url
        self._max_stale = max_stale
        self._refresh_after = min(REFRESH_AFTER, max_stale / 2)
        self._waiters = BoundedSemaphore(waiters)
        self._store = store or find_store(url)
        self._loaded: tuple[float, Keys] = (-math.inf, {})
        self._read_keys = lru_cache(maxsize=1)(read_keys)  # The same set has the same keys, which tokens are known by.
        self._unknown: dict[str, float] = {}
        self._lock = Lock()

    def find(self, key_id: str | None, algorithm: str) -> PyJWK | None:
        """Return the key, or None where the issuer has none such. A key id of None is that of an only key.

        Raises `KeysUnavailable` where there are no keys, or only keys that are older than the bound, and where the
        issuer might have a key of that id but can't be asked at this moment.
        """
        self._require_keys()
        keys = self._load()
        if key_id is not None and not _has(keys, key_id):
            keys = self._look_for(key_id)
        return keys.get((key_id, algorithm))

    def doubt(self) -> None:
        """Fetch the set in the background if it may be time: a signature matches none of its keys.

        That is how a rotation shows where the issuer gives its keys no ids, or all of them the same one.
        """
        self._refresh(PAUSE)

    def fetch_now(self) -> None:
        """Fetch the set in this thread, so that the first requests find it. Failing is not fatal, only logged."""
        began_at = self._store.begin_fetch(PAUSE)
        if began_at is not None:
            self._fetch(began_at)

    def _require_keys(self) -> None:
        if self._age() > self._max_stale:
            self._refresh(PAUSE_WITHOUT_KEYS)
            self._wait()
            if self._age() > self._max_stale:
                raise KeysUnavailable("there is no key set", self._compute_retry_after(PAUSE_WITHOUT_KEYS))
        elif self._age() > self._refresh_after:
            self._refresh(PAUSE)

    def _look_for(self, key_id: str) -> Keys:
        """Return a set that has this key id, or that was fetched after the id was first asked for.

        An older set proves nothing: the issuer may have changed its keys just now. Where the issuer was asked already a
        moment ago, because of another key id, the client has to come back.
        """
        asked_at = self._note_unknown(key_id)
        if not self._is_settled(asked_at):
            self._refresh(PAUSE)
            self._wait()
        keys = self._load()
        if _has(keys, key_id):
            self._unknown.pop(key_id, None)
        elif not self._is_settled(asked_at):
            reason = f"the key set has no key {key_id[:100]!r}, and the issuer can't be asked at this moment"
            raise KeysUnavailable(reason, self._compute_retry_after(PAUSE))
        return keys

    def _note_unknown(self, key_id: str) -> float:
        """Return when this key id was first asked for. Of very many, the oldest are forgotten."""
        with self._lock:
            asked_at = self._unknown.setdefault(key_id, time.monotonic())
            if len(self._unknown) > UNKNOWN_MAX:
                del self._unknown[next(iter(self._unknown))]
        return asked_at

    def _is_settled(self, asked_at: float) -> bool:
        """Tell whether the set was fetched since then, and not so long ago that the issuer may be asked again."""
        return self._store.fetched_at >= asked_at and self._age() < PAUSE

    def _age(self) -> float:
        return time.monotonic() - self._store.fetched_at

    def _compute_retry_after(self, pause: float) -> int:
        """Return after how many seconds the issuer may be asked again."""
        return max(1, math.ceil(self._store.tried_at + pause - time.monotonic()))

    def _load(self) -> Keys:
        """Return the keys of the set in the store."""
        loaded_at, keys = self._loaded
        if loaded_at != self._store.fetched_at:
            fetched_at, document = self._store.read()
            keys = self._read_keys(document)
            self._loaded = (fetched_at, keys)
        return keys

    def _refresh(self, pause: float) -> None:
        """Start a fetch, unless one is under way or began less than `pause` seconds ago, in any worker."""
        began_at = self._store.begin_fetch(pause)
        if began_at is not None:
            Thread(target=self._fetch, args=[began_at], name="key set", daemon=True).start()

    def _wait(self) -> None:
        """Wait for the fetch that is under way, in whichever worker, unless enough requests wait already."""
        if self._waiters.acquire(blocking=False):
            try:
                end = time.monotonic() + WAIT
                while self._store.is_fetching() and time.monotonic() < end:
                    time.sleep(POLL)
            finally:
                self._waiters.release()

    def _fetch(self, began_at: float) -> None:
        document = None
        try:
            fetched = fetch(self._url)
            read_keys(fetched)
            document = fetched
        except FETCH_ERRORS as error:
            is_usable = self._age() <= self._max_stale
            outcome = "the last one stays in use" if is_usable else "no token can be verified"
            logger.warning("The key set could not be fetched, so %s: %s", outcome, error)
        finally:
            self._store.end_fetch(began_at, document)


def _has(keys: Keys, key_id: str) -> bool:
    return any(known == key_id for known, _ in keys)
