"""Answers that carry an entity tag."""

from collections.abc import Mapping
from typing import Any

from flask import Response

from app.web.conditions import ANY
from app.web.json import JSONResponse

TOTAL = "X-Total-Count"  # the header that tells how many there are in all


def tagged(value: Any, tag: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a value as JSON, with its entity tag and other headers."""
    response = JSONResponse(value, status)
    response.headers["ETag"] = f'"{tag}"'
    for name, text in (headers or {}).items():
        response.headers[name] = text
    return response


def not_modified(tag: object) -> Response:
    """Return 304: the client has what it asks for."""
    response = Response(status=304)
    response.headers["ETag"] = f'"{tag}"'
    del response.headers["Content-Type"]
    return response


def is_seen(tag: object, seen: list[str] | None) -> bool:
    """Tell whether the client has that version already."""
    return seen is not None and (seen == [ANY] or str(tag) in seen)
