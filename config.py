"""Every setting, read from the environment here and nowhere else.

Variables that are not set are looked up in `.env`, then in `.flaskenv`, both beside this file; an empty one has its
default. `.env.example` names every one of them.
"""

import os
import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from environs import Env, EnvValidationError, validate
from marshmallow import ValidationError
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

ROOT = Path(__file__).resolve().parent
# How the service calls itself, in its documentation and (RFC 9110, section 10.1.5) to the issuer of tokens.
TITLE = "Tasks API"
VERSION = "1.0.0"
PRODUCT = f"tasks-api/{VERSION}"

AUTH_MODES = OPEN, SECRET, JWKS = ("open", "secret", "jwks")
# As browsers write an origin: in lower case, and without the port that is the default.
ORIGIN = re.compile(
    r"(?!http:.*:80$|https:.*:443$)https?://(?:[a-z0-9._-]+|\[(?P<address>[0-9a-f:.]+)\])(?::[1-9][0-9]*)?"
)
HOST_NAME = re.compile(r"[A-Za-z0-9._-]+")
VIEWS = BASIC, FULL = ("basic", "full")
WORKER_CLASSES = GRANIAN, GTHREAD = ("granian", "gthread")
POSTGRESQL_DRIVERS = ("postgres", "postgresql", "postgresql+psycopg2")


class StartError(SystemExit):
    """The service can't start. The text says why and what to do, and ends the process without a traceback."""


@dataclass(frozen=True)
class Config:
    """The settings of one application; the names are those of Flask's configuration.

    Only the tests make one by hand: everybody else calls `from_environment`.
    """

    DATABASE_URL: str | None = field(default=None, repr=False)  # None: an embedded server
    DATABASE_CONNECTION_MAX_AGE: int = 300  # seconds
    ROW_SECURITY: bool = True
    MAX_CONTENT_LENGTH: int = 64 * 1024  # bytes
    HOST: str = "127.0.0.1"
    PORT: int = 8000
    WORKERS: int = 2
    THREADS: int = 4
    WORKER_CLASS: str = GRANIAN  # or another of WORKER_CLASSES
    TRUSTED_PROXIES: int = 0
    DEFAULT_VIEW: str = BASIC  # or another of VIEWS
    MAX_TASKS_PER_USER: int = 10_000  # 0: no limit
    REQUEST_TELEMETRY: bool = True
    CORS_ORIGINS: tuple[str, ...] = ()
    ALLOWED_HOSTS: tuple[str, ...] = ()
    METRICS_THROUGH_PROXY: bool = False
    AUTH_MODE: str = OPEN  # or another of AUTH_MODES
    ALLOW_PUBLIC_OPEN: bool = False
    JWT_SECRET: str | None = field(default=None, repr=False)
    JWKS_URL: str | None = None
    JWKS_MAX_STALE: int = 24 * 60 * 60  # seconds
    JWT_ISSUER: str | None = None
    JWT_AUDIENCE: str | None = None
    JWT_LEEWAY: int = 10  # seconds
    MCP_API_URL: str = "http://127.0.0.1:8000"
    MCP_TOKEN: str | None = field(default=None, repr=False)

    @classmethod
    def from_environment(cls) -> "Config":
        """Read the settings.

        Raises `StartError`, which names every variable at fault.
        """
        env = Env(eager=False)
        for name in (".env", ".flaskenv"):
            env.read_env(ROOT / name, recurse=False)

        def text(name: str, default: str, **kwargs: Any) -> str:
            return env.str(name, default, **kwargs) or default

        def number(name: str, default: int, **limits: Any) -> int:
            return env.int(name, validate=validate.Range(**limits)) if text(name, "") else default

        def switch(name: str, default: bool) -> bool:
            return env.bool(name) if text(name, "") else default

        config = cls(
            DATABASE_URL=text("DATABASE_URL", "", validate=_names_postgresql) or None,
            DATABASE_CONNECTION_MAX_AGE=number("DATABASE_CONNECTION_MAX_AGE", cls.DATABASE_CONNECTION_MAX_AGE, min=1),
            ROW_SECURITY=switch("ROW_SECURITY", cls.ROW_SECURITY),
            MAX_CONTENT_LENGTH=number("MAX_BODY_BYTES", cls.MAX_CONTENT_LENGTH, min=1),
            HOST=text("HOST", cls.HOST),
            PORT=number("PORT", cls.PORT, min=1, max=65535),
            WORKERS=number("WEB_CONCURRENCY", os.cpu_count() or cls.WORKERS, min=1),
            THREADS=number("THREADS", cls.THREADS, min=1),
            WORKER_CLASS=text("WORKER_CLASS", cls.WORKER_CLASS, validate=_is_worker_class),
            DEFAULT_VIEW=text("DEFAULT_VIEW", cls.DEFAULT_VIEW, validate=_is_view),
            MAX_TASKS_PER_USER=number("MAX_TASKS_PER_USER", cls.MAX_TASKS_PER_USER, min=0, max=2_000_000_000),
            TRUSTED_PROXIES=number("TRUSTED_PROXIES", cls.TRUSTED_PROXIES, min=0),
            REQUEST_TELEMETRY=switch("REQUEST_TELEMETRY", cls.REQUEST_TELEMETRY),
            ALLOWED_HOSTS=_split(text("ALLOWED_HOSTS", "", validate=_are_hosts)),
            METRICS_THROUGH_PROXY=switch("METRICS_THROUGH_PROXY", cls.METRICS_THROUGH_PROXY),
            CORS_ORIGINS=_split(text("CORS_ORIGINS", "", validate=_are_origins)),
            AUTH_MODE=text("AUTH_MODE", cls.AUTH_MODE, validate=_is_mode),
            ALLOW_PUBLIC_OPEN=switch("ALLOW_PUBLIC_OPEN", cls.ALLOW_PUBLIC_OPEN),
            JWT_SECRET=text("JWT_SECRET", "", validate=_has_no_outer_space) or None,
            JWKS_URL=text("JWKS_URL", "", validate=_is_http) or None,
            JWKS_MAX_STALE=number("JWKS_MAX_STALE", cls.JWKS_MAX_STALE, min=1),
            JWT_ISSUER=text("JWT_ISSUER", "", validate=_has_no_outer_space) or None,
            JWT_AUDIENCE=text("JWT_AUDIENCE", "", validate=_has_no_outer_space) or None,
            JWT_LEEWAY=number("JWT_LEEWAY", cls.JWT_LEEWAY, min=0, max=30),
            MCP_API_URL=text("MCP_API_URL", cls.MCP_API_URL, validate=_is_base_url),
            MCP_TOKEN=text("MCP_TOKEN", "", validate=_has_no_outer_space) or None,
        )
        try:
            env.seal()
        except EnvValidationError as error:
            found = error.error_messages.items()  # type: ignore[union-attr]  # environs gives a dict here.
            faults = (f"{name}: {' '.join(messages)}" for name, messages in found)
            raise StartError("\n".join(["Wrong settings:", *faults])) from error
        return config


def _names_postgresql(url: str) -> None:
    """Refuse a URL that no psycopg2 can open; what is wrong is said without the URL, which may hold a password."""
    if not url:
        return
    _has_no_outer_space(url)
    try:
        parts = make_url(url)
    except (ArgumentError, ValueError):
        parts = URL.create("no URL")
    if parts.drivername not in POSTGRESQL_DRIVERS:
        raise ValidationError(f"must start with {' or '.join(f'{name}://' for name in POSTGRESQL_DRIVERS)}.")
    # Otherwise the end of the password would be taken for the host, and be told in each message about it.
    if "@" in f"{parts.host}{parts.database}":
        raise ValidationError("an @ in the name of the user or in the password must be written as %40.")


def _is_mode(mode: str) -> None:
    if mode not in ("", *AUTH_MODES):
        raise ValidationError(f"must be one of {', '.join(AUTH_MODES)}.")


def _is_view(name: str) -> None:
    if name not in ("", *VIEWS):
        raise ValidationError(f"must be one of {', '.join(VIEWS)}.")


def _is_worker_class(name: str) -> None:
    if name not in ("", *WORKER_CLASSES):
        raise ValidationError(f"must be one of {', '.join(WORKER_CLASSES)}.")


def _has_no_outer_space(value: str) -> None:
    """Refuse what a file or a form has added, a line break for one: nothing would ever match it."""
    if value != value.strip():
        raise ValidationError("must not begin or end with white space.")


def _is_http(url: str) -> None:
    """Insist on TLS over a network: an attacker who replaced the keys in transit could sign tokens for every user."""
    _has_no_outer_space(url)
    parts = urlsplit(url)
    if url and not (
        parts.hostname and (parts.scheme == "https" or (parts.scheme == "http" and is_this_machine(parts.hostname)))
    ):
        raise ValidationError("must start with https://, or with http:// on this machine.")


def _is_base_url(url: str) -> None:
    """Take http, too: the service may be reached within a private network."""
    _has_no_outer_space(url)
    parts = urlsplit(url)
    if url and not (parts.hostname and parts.scheme in ("http", "https") and parts.path in ("", "/")):
        raise ValidationError("must be the URL of the service, such as https://tasks.example.com, without a path.")


def is_this_machine(host: str) -> bool:
    """Tell whether that host name or address is reached from this machine only."""
    return host == "localhost" or (_is_address(host) and ip_address(host).is_loopback)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _split(names: str) -> tuple[str, ...]:
    return tuple(names.replace(",", " ").split())


def _are_hosts(hosts: str) -> None:
    if not all(_is_address(host) or HOST_NAME.fullmatch(host) for host in _split(hosts)):
        raise ValidationError("must be names or addresses, without a port, separated by commas.")


def _are_origins(origins: str) -> None:
    """Refuse what no browser sends: it would match no page."""
    if not all(_is_origin(origin) for origin in _split(origins)):
        raise ValidationError(
            "must be origins as browsers send them, such as https://app.example.com, separated by commas: in lower"
            " case, without a path and without the default port, and with an address of IPv6 in its shortest form."
        )


def _is_origin(origin: str) -> bool:
    match = ORIGIN.fullmatch(origin)
    address = match and match["address"]
    if address:
        return _is_address(address) and ip_address(address).compressed == address
    return match is not None
