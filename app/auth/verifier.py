"""Verifying each token once: a client sends the same one with all its requests for a while."""

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
    """A valid token: whose it is, which key has signed it, and when it ends (seconds since 1970, with the leeway)."""

    subject: str
    key_id: str | None
    algorithm: str
    key: Any
    ends: float


class Verifier:
    """Returns the subject of a token that `verify` accepts.

    It remembers hashes of tokens, so that it keeps no credentials. One that it knows is verified again where its time
    is over, or where `find_key` finds another key than the one that has signed it: its issuer may have revoked that.
    """

    def __init__(self, verify: Callable[[str], Accepted], find_key: FindKey) -> None:
        self._verify = verify
        self._find_key = find_key
        self._known: dict[bytes, Accepted] = {}
        self._lock = Lock()

    def __call__(self, token: str) -> str:
        """Return the subject. Raises what `verify` and `find_key` raise."""
        digest = hashlib.sha256(token.encode()).digest()
        accepted = self._known.get(digest)
        if accepted is None or not self._is_valid(accepted):
            accepted = self._verify(token)
            self._remember(digest, accepted)
        return accepted.subject

    def _is_valid(self, accepted: Accepted) -> bool:
        return time.time() < accepted.ends and self._find_key(accepted.key_id, accepted.algorithm) is accepted.key

    def _remember(self, digest: bytes, accepted: Accepted) -> None:
        """Keep the token; of very many, the oldest are forgotten."""
        with self._lock:
            self._known[digest] = accepted
            if len(self._known) > TOKENS_KEPT:
                del self._known[next(iter(self._known))]
