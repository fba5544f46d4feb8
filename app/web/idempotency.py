"""The header `Idempotency-Key`, by which a client may repeat a request without repeating its effect."""

import hashlib
import json
import re
from typing import Any

from flask import request

from app.exceptions import Fault
from app.web.errors import IDEMPOTENCY_KEY
from app.web.fields import FORBIDDEN_CHARACTER, TOO_LONG, TOO_SHORT

VISIBLE = re.compile(r"[\x21-\x7e]*", re.ASCII)


def read_key(longest: int, faults: list[Fault]) -> str | None:
    """Return the key of the request, without quotes, or None where there is none. Adds what is wrong to `faults`."""
    key = request.environ.get("HTTP_IDEMPOTENCY_KEY")
    if key is None:
        return None
    if len(key) > 1 and key[0] == key[-1] == '"':
        key = key[1:-1]
    found = []
    if not key:
        found.append(TOO_SHORT(1))
    if len(key) > longest:
        found.append(TOO_LONG(longest))
    if not VISIBLE.fullmatch(key):
        found.append(FORBIDDEN_CHARACTER)
    faults += [Fault(("header", IDEMPOTENCY_KEY), fault.msg, fault.type) for fault in found]
    return str(key)


def fingerprint_request(meaning: Any) -> bytes:
    """Return a hash of method, path (a trailing slash apart) and meaning of the body of the request."""
    parts = [request.method, request.path.rstrip("/"), meaning]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).digest()
