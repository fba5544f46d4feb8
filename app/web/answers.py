"""Answers that carry an entity tag."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

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


class NotModified(Response):
    """304: the client has what it asks for. It is sent without another look at it, as it has no body."""

    default_mimetype = None

    def __init__(self, tag: object) -> None:
        super().__init__((), HTTPStatus.NOT_MODIFIED)
        self.headers["ETag"] = f'"{tag}"'

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Send the answer (PEP 3333)."""
        start_response(self.status, self.headers.to_wsgi_list())
        return ()


def is_seen(tag: object, seen: list[str] | None) -> bool:
    """Tell whether the client has that version already."""
    return seen is not None and (seen == [ANY] or str(tag) in seen)
