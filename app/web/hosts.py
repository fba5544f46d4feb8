"""The header `Host` (RFC 9112, section 3.2)."""

from flask import Flask, request
from werkzeug.exceptions import BadRequest


def init_app(app: Flask) -> None:
    """Refuse requests of HTTP/1.1 that name no host, or several."""
    app.before_request(_require_one_host)


def _require_one_host() -> None:
    """Raise `BadRequest` (400) where the request has no host, or several."""
    host = request.environ.get("HTTP_HOST", "")
    if "," in host or (not host and request.environ["SERVER_PROTOCOL"] == "HTTP/1.1"):
        raise BadRequest()
