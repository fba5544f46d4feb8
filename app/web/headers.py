"""Headers for browsers and proxies: which pages may read the answers, and what our own pages may load."""

import re
from collections.abc import Mapping
from http import HTTPStatus

from flask import Flask, Response, request
from flask_cors import CORS
from werkzeug.middleware.proxy_fix import ProxyFix

Headers = list[tuple[str, str]]

# The methods and headers of requests that a page may send, and the headers of answers that it may read. nginx answers
# for the service at times: deploy/nginx.conf has the same.
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
ALLOWED = [
    *("Authorization", "Content-Type", "If-Match", "If-None-Match", "Idempotency-Key"),
    *("X-Request-ID", "traceparent", "tracestate", "baggage"),
]
EXPOSED = [
    *("ETag", "Idempotent-Replayed", "Link", "Location", "Retry-After"),
    *("WWW-Authenticate", "X-Request-ID", "X-Total-Count"),
]
PREFLIGHT_MAX_AGE = 7200  # seconds, the most that Chromium keeps

# The documentation pages load nothing from other sites. Both set styles from scripts, ReDoc searches in a worker, and
# Swagger UI has its pictures in `data:` URLs.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "worker-src blob:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
SECURITY_HEADERS = [
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
]
API_HEADERS = [*SECURITY_HEADERS, ("Cache-Control", "no-store")]
TAGGED_HEADERS = [*SECURITY_HEADERS, ("Cache-Control", "private, no-cache")]  # A client asks again, with the tag.


def init_app(app: Flask) -> None:
    """Let the configured origins call the API, and trust as many proxies as the settings say."""
    if app.config["CORS_ORIGINS"]:
        app.after_request(_accept_preflight)  # Flask calls it after what Flask-Cors registers below.
        CORS(
            app,
            # As patterns that are matched whole: Flask-Cors takes a text with brackets for a regular expression.
            origins=[re.compile(rf"{re.escape(origin)}\Z") for origin in app.config["CORS_ORIGINS"]],
            supports_credentials=True,
            methods=METHODS,
            allow_headers=ALLOWED,
            expose_headers=EXPOSED,
            max_age=PREFLIGHT_MAX_AGE,
        )
    proxies = app.config["TRUSTED_PROXIES"]
    if proxies:
        fixed = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=proxies)
        app.wsgi_app = fixed  # type: ignore[method-assign]  # as Flask's manual wraps it


def _accept_preflight(response: Response) -> Response:
    """Answer 204 to every preflight request of an allowed origin, also where its path is wrong.

    If one is answered by an error, a browser does not send the request that should follow, and its page can't read what
    is wrong.
    """
    is_preflight = request.method == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in request.environ
    if (
        is_preflight
        and response.status_code >= HTTPStatus.BAD_REQUEST
        and "Access-Control-Allow-Origin" in response.headers
    ):
        response.data = b""
        response.status_code = HTTPStatus.NO_CONTENT
        del response.headers["Content-Type"], response.headers["Content-Length"]
    return response


def constant_headers(path: str, headers: Mapping[str, str]) -> Headers:
    """Return the headers that every answer on this path has, if it has these headers."""
    if not path.startswith("/api/"):
        return SECURITY_HEADERS
    return TAGGED_HEADERS if "ETag" in headers else API_HEADERS
