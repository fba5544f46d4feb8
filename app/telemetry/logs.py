"""How the log looks: one JSON object a line, or, on a terminal, a line for people."""

import logging
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache, lru_cache
from logging.config import dictConfig
from typing import Any

import orjson
from flask import has_request_context, request

from app.telemetry.request_ids import REQUEST_ID

logger = logging.getLogger("tasks.requests")


class JSONFormatter(logging.Formatter):
    """One JSON object a line. Line breaks of the input are escaped, so that nobody can forge one."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        fields = _fields(record)
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return _json(record.created, record.levelname, record.name, record.getMessage(), fields).decode(
            errors="replace"
        )


class TerminalFormatter(logging.Formatter):
    """A line for people: time, level, message, and the fields that have something to say."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and below it the traceback where there is one."""
        clock = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        fields = " ".join(f"{name}={_escape(value)}" for name, value in _fields(record).items() if value is not None)
        line = f"{clock} {record.levelname:7} {_escape(record.getMessage())} {fields}".rstrip()
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def configure() -> None:
    """Set up all loggers of the process."""
    # Our formats show no caller, thread or process, so `logging` need not collect them (its manual, "Optimization").
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    dictConfig(_make_configuration())


def log_request(fields: dict[str, Any]) -> None:
    """Log a request that was answered, if the level of its logger admits it.

    JSON is written without `logging`, which takes twice as long for the line: 6 % of the Python time of a read.
    """
    if not logger.isEnabledFor(logging.INFO):
        return
    if _is_on_terminal():
        logger.info("request", extra={"fields": fields})
        return
    line = _json(time.time(), "INFO", logger.name, "request", fields)
    with suppress(OSError):  # Like `logging`, ignore a failed write: a lost line must not fail the request.
        sys.stderr.buffer.write(line + b"\n")
        sys.stderr.buffer.flush()


@cache
def _is_on_terminal() -> bool:
    return sys.stderr.isatty()


def _json(seconds: float, level: str, logger: str, message: str, fields: dict[str, Any]) -> bytes:
    moment = f"{_format_second(int(seconds))}.{int(seconds % 1 * 1000):03}+00:00"
    entry = {"time": moment, "level": level, "logger": logger, "message": message}
    return orjson.dumps(entry | fields, default=str)


@lru_cache(maxsize=1)
def _format_second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _make_configuration() -> dict[str, Any]:
    formatter = TerminalFormatter if _is_on_terminal() else JSONFormatter
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": formatter}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"level": "INFO", "handlers": ["stderr"]},
        "loggers": {name: {"level": "INFO", "propagate": True} for name in ("gunicorn.error", "gunicorn.access")},
    }


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields: dict[str, Any] = dict(getattr(record, "fields", {}))
    if "request_id" not in fields and has_request_context():
        fields["request_id"] = request.environ[REQUEST_ID]
    return fields


def _escape(value: Any) -> str:
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in str(value))
