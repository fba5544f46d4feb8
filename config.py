"""Every setting, read from the environment here and nowhere else.

Variables that are not set are looked up in `.env`, then in `.flaskenv`, both beside this file. `.env.example` names
every one of them.
"""

import os
from dataclasses import dataclass
from pathlib import Path

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
        config = cls(
            DATABASE_URL=env.str("DATABASE_URL", "", validate=_names_postgresql) or None,
            MAX_CONTENT_LENGTH=env.int("MAX_BODY_BYTES", cls.MAX_CONTENT_LENGTH, validate=validate.Range(min=1)),
            HOST=env.str("HOST", cls.HOST),
            PORT=env.int("PORT", cls.PORT, validate=validate.Range(min=1, max=65535)),
            WORKERS=env.int("WEB_CONCURRENCY", os.cpu_count() or cls.WORKERS, validate=validate.Range(min=1)),
            THREADS=env.int("THREADS", cls.THREADS, validate=validate.Range(min=1)),
        )
        try:
            env.seal()
        except EnvValidationError as error:
            raise StartError(str(error)) from error
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
