"""The key set of the issuer (RFC 7517): fetched in the background, cached, and kept in use while the issuer is down."""

import http.client
import json
import logging
import socket
import threading
import time
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from jwt import PyJWK, PyJWTError

from app.exceptions import KeysUnavailable

TIMEOUT = 3  # seconds, for a fetch as a whole, and for a request that has to wait for one
SIZE_LIMIT = 256 * 1024  # bytes
REFRESH_AFTER = 300  # seconds
PAUSE = 10  # seconds between two fetches, whatever asks for them
PAUSE_WITHOUT_KEYS = 1  # seconds, while nobody can be let in

RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
CURVES = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512", "Ed25519": "EdDSA", "Ed448": "EdDSA"}
ALGORITHMS = frozenset((*RSA, *CURVES.values()))

logger = logging.getLogger("app.keys")

Keys = dict[tuple[str | None, str], PyJWK]


class KeySet:
    """The public keys behind a URL, by key id and algorithm.

    No request waits for a fetch once there is a set that is not too old, but for the one that brings an unknown key id
    and so starts the fetch; and that happens once in a while only, however many tokens name one.
    """

    def __init__(self, url: str, max_stale: float) -> None:
        self._url = url
        self._max_stale = max_stale
        self._lock = threading.Lock()
        self._keys: Keys = {}
        self._fetched_at = self._tried_at = float("-inf")
        self._fetching: threading.Event | None = None

    def find(self, key_id: str | None, algorithm: str) -> PyJWK | None:
        """Return the key, or None where the issuer has none such. A key id of None is that of an only key.

        Raises `KeysUnavailable` where there are no keys, or only keys that are older than the bound.
        """
        seen = self._fetched_at
        if not self._is_usable():
            self._wait(self._refresh(PAUSE_WITHOUT_KEYS, seen)[0])
            if not self._is_usable():
                raise KeysUnavailable()
        elif time.monotonic() - self._fetched_at > REFRESH_AFTER:
            self._refresh(PAUSE, seen)
        if key_id is not None and not any(known == key_id for known, _ in self._keys):
            fetch, is_ours = self._refresh(PAUSE, seen)
            if is_ours:
                self._wait(fetch)
        return self._keys.get((key_id, algorithm))

    def _is_usable(self) -> bool:
        return time.monotonic() - self._fetched_at <= self._max_stale

    def _refresh(self, pause: float, seen: float) -> tuple[threading.Event | None, bool]:
        """Start a fetch, unless one is under way, was tried a moment ago, or has ended since the caller looked.

        Return the fetch, and whether it is a new one.
        """
        with self._lock:
            if self._fetching is not None:
                return self._fetching, False
            now = time.monotonic()
            if now - self._tried_at < pause or self._fetched_at != seen:
                return None, False
            self._tried_at = now
            self._fetching = threading.Event()
            threading.Thread(target=self._fetch, name="key set", daemon=True).start()
            return self._fetching, True

    @staticmethod
    def _wait(fetch: threading.Event | None) -> None:
        if fetch is not None:
            fetch.wait(TIMEOUT)

    def _fetch(self) -> None:
        keys: Keys = {}
        try:
            keys = usable_keys(json.loads(download(self._url)))
        except (OSError, http.client.HTTPException, ValueError, RecursionError) as error:
            logger.warning("The key set could not be fetched, so the last one stays in use: %s", error)
        with self._lock:
            if keys:
                self._keys = keys
                self._fetched_at = time.monotonic()
            fetching, self._fetching = self._fetching, None
        if fetching is not None:
            fetching.set()


def usable_keys(document: Any) -> Keys:
    """Return the keys of a JWK set that may verify a signature; secret keys, and keys for encryption, are left out.

    Raises `ValueError` where there is none.
    """
    members = document.get("keys") if isinstance(document, dict) else None
    keys: Keys = {}
    key_ids = []
    for member in members if isinstance(members, list) else []:
        found = _keys_of(member) if isinstance(member, dict) else {}
        key_ids += [key_id for key_id, _ in found][:1]
        keys.update(found)
    if not keys:
        raise ValueError("it has no key that can be used")
    if len(key_ids) == 1:
        keys.update({(None, algorithm): key for (_, algorithm), key in keys.items()})
    return keys


def _keys_of(member: dict[str, Any]) -> Keys:
    """Return one key, for each algorithm that its owner allows and its type knows; a secret one knows none of them."""
    key_id, algorithm = member.get("kid"), member.get("alg")
    known = RSA if member.get("kty") == "RSA" else (CURVES.get(str(member.get("crv"))),)
    if not isinstance(key_id, str | None) or member.get("use", "sig") != "sig":
        return {}
    keys = {}
    for name in known:
        if name is not None and algorithm in (None, name):
            with suppress(PyJWTError, ValueError, TypeError):
                keys[key_id, name] = PyJWK(member, name)
    return keys


def download(url: str) -> bytes:
    """Return what is at an http or https URL, without following redirects.

    Raises `OSError` or `HTTPException` where it can't be had within `TIMEOUT`, and `ValueError` where it is too large,
    or its status is not 200.
    """
    parts = urlsplit(url)
    connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = connect(parts.hostname or "", parts.port, timeout=TIMEOUT)
    # The timeout of a socket bounds each read; whoever sends a byte now and then is stopped by this.
    connection.connect()
    watchdog = threading.Timer(TIMEOUT, _hang_up, [connection.sock])
    watchdog.start()
    try:
        connection.request("GET", parts._replace(scheme="", netloc="", fragment="").geturl() or "/")
        response = connection.getresponse()
        if response.status != http.HTTPStatus.OK:
            raise ValueError(f"the issuer answers {response.status}")
        body = response.read(SIZE_LIMIT + 1)
    finally:
        watchdog.cancel()
        connection.close()
    if len(body) > SIZE_LIMIT:
        raise ValueError(f"it is larger than {SIZE_LIMIT} bytes")
    return body


def _hang_up(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
