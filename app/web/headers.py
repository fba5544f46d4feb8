"""Headers that concern browsers and proxies: who may read the answers, and what a page of ours may do."""

from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Flask
from flask_cors import CORS
from werkzeug.middleware.proxy_fix import ProxyFix

PREFLIGHT_MAX_AGE = 7200  # seconds, the most that Chromium keeps

# The pages of the documentation load nothing from elsewhere; both style themselves from scripts, ReDoc searches in a
# worker. `data:` is where Swagger UI keeps its pictures.
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


def init_app(app: Flask) -> None:
    """Have the application send these headers, and trust as many proxies as the settings say."""
    app.wsgi_app = _secured(app.wsgi_app)  # type: ignore[assignment, method-assign]
    if app.config["CORS_ORIGINS"]:
        CORS(
            app,
            origins=list(app.config["CORS_ORIGINS"]),
            methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
            allow_headers=["Authorization", "Content-Type"],
            expose_headers=["Location", "Retry-After", "WWW-Authenticate", "X-Request-ID"],
            max_age=PREFLIGHT_MAX_AGE,
        )
    proxies = app.config["TRUSTED_PROXIES"]
    if proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=proxies)  # type: ignore[method-assign]


def _secured(app: WSGIApplication) -> WSGIApplication:
    """Wrap a WSGI application (PEP 3333) so that every answer has the headers that never change."""

    def secured(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        constant = API_HEADERS if environ["PATH_INFO"].startswith("/api/") else SECURITY_HEADERS

        def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            return start_response(status, headers + constant, *exc_info)

        return app(environ, start)

    return secured
