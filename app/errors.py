"""The domain's exceptions, and every error body there is. All of them are JSON with the one member `detail`."""

import logging
from dataclasses import asdict, dataclass

import orjson
from flask import Flask, Response
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import (
    HTTPException,
    InternalServerError,
    RequestEntityTooLarge,
    ServiceUnavailable,
    UnsupportedMediaType,
)

from app.database import is_unavailable

RETRY_AFTER = 1  # seconds after which a client may expect the database to be back

# Where the sentence is not simply the name that HTTP has for the status.
DETAILS: dict[int | None, str] = {
    RequestEntityTooLarge.code: "Request body too large",
    UnsupportedMediaType.code: "Content-Type must be application/json",
    ServiceUnavailable.code: "Service temporarily unavailable",
}
TASK_NOT_FOUND = "Task not found"

logger = logging.getLogger(__name__)


class TaskNotFound(Exception):
    """The user has no task with this id."""

    def __init__(self, task_id: str) -> None:
        super().__init__(task_id)
        self.task_id = task_id


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with what was sent: the way to it, and what it is called."""

    loc: tuple[str, ...]
    msg: str
    type: str


class InvalidRequest(Exception):
    """What was sent breaks the contract, in all these ways."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__(faults)
        self.faults = faults


def error_response(status: int, detail: object) -> Response:
    """Return the answer for an error; every one is made here."""
    return Response(orjson.dumps({"detail": detail}), status, mimetype="application/json")


def task_not_found(error: TaskNotFound) -> Response:
    """404: this user has no such task."""
    return error_response(404, TASK_NOT_FOUND)


def invalid_request(error: InvalidRequest) -> Response:
    """422: all faults at once."""
    return error_response(422, [asdict(fault) for fault in error.faults])


def http_error(error: HTTPException) -> Response:
    """Any other status, with the headers that belong to it, `Allow` for one."""
    response = error_response(error.code or 500, DETAILS.get(error.code, error.name))
    for name, value in error.get_headers():
        if name != "Content-Type":
            response.headers.add(name, value)
    return response


def database_error(error: SQLAlchemyError) -> Response:
    """503 while the database is away or too busy, 500 for a fault of ours; its cause goes into the log only."""
    if not is_unavailable(error):
        logger.exception("The database refused a statement")
        return http_error(InternalServerError())
    logger.warning("The database is unavailable: %s", getattr(error, "orig", error))
    return http_error(ServiceUnavailable(retry_after=RETRY_AFTER))


def init_app(app: Flask) -> None:
    """Have the application answer with these bodies."""
    app.register_error_handler(TaskNotFound, task_not_found)
    app.register_error_handler(InvalidRequest, invalid_request)
    app.register_error_handler(SQLAlchemyError, database_error)
    app.register_error_handler(HTTPException, http_error)
