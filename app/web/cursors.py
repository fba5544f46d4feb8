"""Pages: the cursor at which the next one goes on, and the link to it (RFC 8288)."""

import base64
import binascii
import hashlib
import json
from typing import Any
from urllib.parse import quote, urlencode

from flask import request

CHECK_SIZE = 9  # bytes


def make_cursor(position: list[Any], bound_to: list[Any]) -> str:
    """Return an opaque text for a position in a list, which is bound to everything that the list depends on.

    It need not be secret: a client that forges one only reads another page of its own list.
    """
    payload = json.dumps(position, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_check(payload, bound_to) + payload).decode().rstrip("=")


def read_cursor(cursor: str, bound_to: list[Any]) -> list[Any] | None:
    """Return the position, or None where the cursor was not made for this list, or was altered."""
    try:
        sent = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    check, payload = sent[:CHECK_SIZE], sent[CHECK_SIZE:]
    # Several texts may decode to the same bytes; only the one that was made counts.
    if check != _check(payload, bound_to) or base64.urlsafe_b64encode(sent).decode().rstrip("=") != cursor:
        return None
    position: list[Any] = json.loads(payload)
    return position


def make_next_link(cursor: str, replaced: tuple[str, ...]) -> str:
    """Return the header `Link` for the next page: this request, with the cursor in the place of these parameters."""
    kept = [(name, value) for name, value in request.args.items(multi=True) if name not in replaced]
    path = quote(request.path, safe="/")
    return f'<{path}?{urlencode([*kept, ("cursor", cursor)])}>; rel="next"'


def _check(payload: bytes, bound_to: list[Any]) -> bytes:
    context = json.dumps(bound_to).encode()
    return hashlib.blake2b(context + b"\0" + payload, digest_size=CHECK_SIZE).digest()
