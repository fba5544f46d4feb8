"""JWK sets (RFC 7517): fetched over HTTP, and read."""

import http.client
import json
import socket
import time
from contextlib import suppress
from threading import Timer
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK, PyJWTError

from config import PRODUCT

TIMEOUT = 3  # seconds, for a fetch as a whole
SIZE_LIMIT = 256 * 1024  # bytes
RSA_MIN = 2048  # bits (RFC 7518, section 3.3)

RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
# RFC 9864 gives EdDSA a name for each curve. Issuers and libraries use the old name and the new ones.
CURVES = {
    "P-256": ("ES256",),
    "P-384": ("ES384",),
    "P-521": ("ES512",),
    "Ed25519": ("EdDSA", "Ed25519"),
    "Ed448": ("EdDSA", "Ed448"),
}
ALGORITHMS = frozenset((*RSA, *(name for names in CURVES.values() for name in names)))
FETCH_ERRORS = (OSError, http.client.HTTPException, ValueError, RecursionError)

# By key id and algorithm. An only key is also under the key id None.
Keys = dict[tuple[str | None, str], PyJWK]


def fetch(url: str) -> bytes:
    """Return what is at an http or https URL, without following redirects.

    Raises one of `FETCH_ERRORS` where it can't be had within `TIMEOUT`, is too large, or its status is not 200.
    """
    parts = urlsplit(url)
    connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = connect(parts.hostname or "", parts.port, timeout=TIMEOUT)
    began_at = time.monotonic()
    # The timeout of a socket bounds each read; a server that sends a byte now and then is stopped by this.
    watchdog = Timer(TIMEOUT, _hang_up, [connection])
    watchdog.start()
    try:
        connection.connect()
        _require_time(began_at)  # While it connected, there was nothing to hang up.
        target = parts._replace(scheme="", netloc="", fragment="").geturl() or "/"
        connection.request("GET", target, headers={"User-Agent": PRODUCT, "Accept": "application/json"})
        response = connection.getresponse()
        if response.status != http.HTTPStatus.OK:
            raise ValueError(f"the issuer answers {response.status}")
        body = response.read(SIZE_LIMIT + 1)
    except (OSError, http.client.HTTPException):
        _require_time(began_at)
        raise
    finally:
        watchdog.cancel()
        connection.close()
        watchdog.join()  # A process that forks next must have no other thread.
    if len(body) > SIZE_LIMIT:
        raise ValueError(f"it is larger than {SIZE_LIMIT} bytes")
    return body


def _require_time(began_at: float) -> None:
    if time.monotonic() - began_at >= TIMEOUT:
        raise TimeoutError(f"the issuer takes longer than {TIMEOUT} s")


def _hang_up(connection: http.client.HTTPConnection) -> None:
    sock: socket.socket | None = connection.sock
    if sock is not None:
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


def read_keys(document: bytes) -> Keys:
    """Return the keys of a JWK set that may verify a signature.

    Secret keys, keys for encryption or for signing only, and RSA keys that are too short are left out. Raises
    `ValueError` or `RecursionError` where it is no JWK set, or has none but such keys.
    """
    try:
        content = json.loads(document)
    except ValueError as error:
        raise ValueError(f"it is no JSON: {error}") from error
    members = content.get("keys") if isinstance(content, dict) else None
    keys: Keys = {}
    key_ids = []
    for member in members if isinstance(members, list) else []:
        found = _read_member(member) if isinstance(member, dict) else {}
        key_ids += [key_id for key_id, _ in found][:1]
        keys.update(found)
    if not keys:
        raise ValueError("it has no key that can be used")
    if len(key_ids) == 1:
        keys.update({(None, algorithm): key for (_, algorithm), key in keys.items()})
    return keys


def _read_member(member: dict[str, Any]) -> Keys:
    """Return one key, for each algorithm that its owner allows and its type knows; a secret one knows none of them."""
    key_id = member.get("kid")
    if not isinstance(key_id, str | None) or not _may_verify(member):
        return {}
    names = RSA if member.get("kty") == "RSA" else CURVES.get(str(member.get("crv")), ())
    algorithm = member.get("alg")
    if algorithm in names and "EdDSA" in names:
        algorithm = None  # Both names of the algorithm mean the same thing.
    keys = {}
    for name in names:
        if algorithm in (None, name):
            with suppress(PyJWTError, ValueError, TypeError):
                key = PyJWK(member, "EdDSA" if "EdDSA" in names else name)
                key.algorithm_name = name  # PyJWT does not know the newer names, and compares this with the token's.
                if not isinstance(key.key, RSAPublicKey) or key.key.key_size >= RSA_MIN:
                    keys[key_id, name] = key
    return keys


def _may_verify(member: dict[str, Any]) -> bool:
    """Tell whether the owner of the key wants it to verify signatures. Null is the same as absent."""
    use, operations = member.get("use"), member.get("key_ops")
    return use in (None, "sig") and (operations is None or (isinstance(operations, list) and "verify" in operations))
