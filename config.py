"""Every setting, read from the environment here and nowhere else.

Variables that are not set are looked up in `.env`, then in `.flaskenv`, both beside this file; an empty one has its
default. `.env.example` names every one of them.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from environs import Env, EnvValidationError, validate
from marshmallow import ValidationError
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

ROOT = Path(__file__).resolve().parent
POSTGRESQL_DRIVERS = ("postgres", "postgresql", "postgresql+psycopg2")


class StartError(SystemExit):
    """The service can't start. The text says why and what to do, and ends the process without a traceback."""


@dataclass(frozen=True)
class Config:
    """The settings of one application; the names are those of Flask's configuration.

    Only the tests make one by hand: everybody else calls `from_environment`.
    """

    DATABASE_URL: str | None = None  # None: an embedded server
    MAX_CONTENT_LENGTH: int = 64 * 1024  # bytes
    HOST: str = "127.0.0.1"
    PORT: int = 8000
    WORKERS: int = 2
    THREADS: int = 4

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

        config = cls(
            DATABASE_URL=text("DATABASE_URL", "", validate=_names_postgresql) or None,
            MAX_CONTENT_LENGTH=number("MAX_BODY_BYTES", cls.MAX_CONTENT_LENGTH, min=1),
            HOST=text("HOST", cls.HOST),
            PORT=number("PORT", cls.PORT, min=1, max=65535),
            WORKERS=number("WEB_CONCURRENCY", os.cpu_count() or cls.WORKERS, min=1),
            THREADS=number("THREADS", cls.THREADS, min=1),
        )
        try:
            env.seal()
        except EnvValidationError as error:
            faults = (f"{name}: {' '.join(messages)}" for name, messages in error.error_messages.items())  # type: ignore[union-attr]
            raise StartError("\n".join(["Wrong settings:", *faults])) from error
        return config


def _names_postgresql(url: str) -> None:
    """Refuse a URL that no psycopg2 can open; what is wrong is said without the URL, which may hold a password."""
    if not url:
        return
    try:
        driver = make_url(url).drivername
    except (ArgumentError, ValueError):
        driver = "no URL"
    if driver not in POSTGRESQL_DRIVERS:
        raise ValidationError(f"must start with {' or '.join(f'{name}://' for name in POSTGRESQL_DRIVERS)}.")
