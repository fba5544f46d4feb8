"""Whom a request names and by which way it came: `Host` (RFC 9112, section 3.2), the path, and signs of a proxy."""

import re
from functools import partial
from wsgiref.types import WSGIEnvironment

from flask import Flask, request
from werkzeug.exceptions import BadRequest, Forbidden, NotFound

from config import OPEN, is_this_machine

# Headers by which a proxy says that it passes a request on: those of standards and of servers, then those of networks
# that deliver content.
FORWARDING = frozenset(
    f"HTTP_{name}"
    for name in (
        *("FORWARDED", "VIA", "X_FORWARDED", "X_FORWARDED_FOR", "X_FORWARDED_HOST", "X_FORWARDED_PORT"),
        *("X_FORWARDED_PREFIX", "X_FORWARDED_PROTO", "X_FORWARDED_SERVER", "X_REAL_IP", "X_CLIENT_IP"),
        *("CDN_LOOP", "CF_CONNECTING_IP", "FASTLY_CLIENT_IP", "TRUE_CLIENT_IP"),
    )
)
HEALTH = ("service.health", "service.ready")  # endpoints
NAME = re.compile(r"(?:\[(?P<address>[0-9a-f:.]+)\]|(?P<name>[^:\[\]]*))(?::\d*)?", re.IGNORECASE)


def init_app(app: Flask) -> None:
    """Refuse requests that name no host, or several; and in the open mode those of other sites and machines.

    Where a public open service is meant, it refuses other names only if `ALLOWED_HOSTS` names its own.
    """
    checks = [_require_one_host, _require_one_slash]
    if app.config["AUTH_MODE"] == OPEN:
        is_public, hosts = app.config["ALLOW_PUBLIC_OPEN"], app.config["ALLOWED_HOSTS"]
        if not is_public:
            checks.append(_require_no_proxy)
        if hosts or not is_public:
            allowed = frozenset(name.lower() for name in (app.config["HOST"], *hosts))
            checks.append(partial(_require_allowed_name, allowed))

    @app.before_request
    def require_all() -> None:
        environ = request.environ  # Each use of `request` takes as long as a check.
        for check in checks:
            check(environ)


def is_forwarded(environ: WSGIEnvironment) -> bool:
    """Tell whether a request came through a proxy."""
    return not FORWARDING.isdisjoint(environ)


def _require_one_host(environ: WSGIEnvironment) -> None:
    """Raise `BadRequest` (400) where the request has no host, or several."""
    host = environ.get("HTTP_HOST", "")
    if "," in host or (not host and environ["SERVER_PROTOCOL"] == "HTTP/1.1"):
        raise BadRequest()


def _require_one_slash(environ: WSGIEnvironment) -> None:
    """Raise `NotFound` where the path begins with `//`, which Werkzeug takes for `/`, and a proxy does not."""
    if environ["PATH_INFO"].startswith("//"):
        raise NotFound()


def _require_no_proxy(environ: WSGIEnvironment) -> None:
    """Raise `Forbidden` (403) where the request came through a proxy, which would publish the service."""
    if is_forwarded(environ) and not _is_about_health():
        raise Forbidden("An open service does not answer through a proxy")


def _require_allowed_name(allowed: frozenset[str], environ: WSGIEnvironment) -> None:
    """Raise `BadRequest` (400) where `Host` is neither one of these names nor one of this machine.

    A page of any site can let its own name lead to this machine (DNS rebinding).
    """
    match = NAME.fullmatch(environ.get("HTTP_HOST") or "localhost")
    name = (match["address"] or match["name"]).lower() if match else ""
    if name not in allowed and not is_this_machine(name) and not _is_about_health():
        raise BadRequest()


def _is_about_health() -> bool:
    """Tell whether the request is a check of the health, which reveals nothing of a user.

    Load balancers make it with names and headers of their own. Refused, they would take the service for a dead one.
    """
    return request.endpoint in HEALTH
