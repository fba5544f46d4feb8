"""Tokens that were accepted: a client sends the same one with all its requests for a while."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any

TOKENS_KEPT = 4096

FindKey = Callable[[str | None, str], Any]


@dataclass(frozen=True)
class Accepted:
    """A valid token: its subject, the key that its signature matches, and the time for which it is valid.

    It is valid from `begins` until before `ends`, in seconds since 1970, with the leeway.
    """

    subject: str
    key_id: str | None
    algorithm: str
    key: Any
    begins: int
    ends: int


class AcceptedTokens:
    """Remembers the last tokens that `verify` accepted, by their hashes, so that it keeps no credentials.

    A token that is known is verified again where it is not within its time, or where `find_key` does not find the key
    that its signature matches: the issuer may have revoked that.
    """

    def __init__(self, verify: Callable[[str], Accepted], find_key: FindKey) -> None:
        self._verify = verify
        self._find_key = find_key
        self._known: dict[bytes, Accepted] = {}
        self._lock = Lock()

    def find_subject(self, token: str) -> str:
        """Return the subject of the token. Raises what `verify` and `find_key` raise."""
        digest = hashlib.sha256(token.encode(errors="surrogatepass")).digest()
        accepted = self._known.get(digest)
        if accepted is None or not self._is_valid(accepted):
            accepted = self._verify(token)
            self._remember(digest, accepted)
        return accepted.subject

    def _is_valid(self, accepted: Accepted) -> bool:
        is_in_time = accepted.begins <= time.time() < accepted.ends
        return is_in_time and self._find_key(accepted.key_id, accepted.algorithm) is accepted.key

    def _remember(self, digest: bytes, accepted: Accepted) -> None:
        """Keep the token; of very many, the oldest are forgotten."""
        with self._lock:
            self._known[digest] = accepted
            if len(self._known) > TOKENS_KEPT:
                del self._known[next(iter(self._known))]
