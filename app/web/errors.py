"""The body and headers of every error, for every resource. All bodies are JSON with the one member `detail`."""

import logging
from dataclasses import asdict

from flask import Flask, Response
from werkzeug.exceptions import (
    Forbidden,
    HTTPException,
    InternalServerError,
    MethodNotAllowed,
    NotFound,
    RequestEntityTooLarge,
    ServiceUnavailable,
    UnsupportedMediaType,
)

from app.database.failures import DATABASE_ERRORS, is_unavailable
from app.exceptions import (
    AccessForbidden,
    Fault,
    InvalidRequest,
    InvalidToken,
    KeyReused,
    KeysUnavailable,
    NotAuthenticated,
    PreconditionFailed,
    PreconditionRequired,
    SyncTokenExpired,
    TaskLimitReached,
    TaskNotFound,
    TokenExpired,
)
from app.telemetry.metrics import note_database_error
from app.web.fields import KEY_REUSED
from app.web.json import JSONResponse

RETRY_AFTER = 1  # seconds after which a client may expect the database to be back

ERASURE_ONLY = {"DELETE", "OPTIONS"}  # the methods of a path that has nothing else

# Where the sentence is not simply the name that HTTP has for the status.
DETAILS: dict[int | None, str] = {
    RequestEntityTooLarge.code: "Request body too large",
    UnsupportedMediaType.code: "Content-Type must be application/json",
    ServiceUnavailable.code: "Service temporarily unavailable",
}
TASK_NOT_FOUND = "Task not found"

IDEMPOTENCY_KEY = "Idempotency-Key"
ACCESS_FORBIDDEN = "Access forbidden"
TASK_LIMIT_REACHED = "Task limit reached"
PRECONDITION_FAILED = "Precondition failed"
PRECONDITION_REQUIRED = "If-Match is required"
SYNC_TOKEN_EXPIRED = "Sync token expired"  # noqa: S105 -- no password

logger = logging.getLogger("app.errors")


UNAUTHENTICATED: dict[type[Exception], str] = {
    NotAuthenticated: "Not authenticated",
    InvalidToken: "Invalid token",
    TokenExpired: "Token has expired",
}


def error_response(status: int, detail: object) -> Response:
    """Return the answer for an error; every one is made here."""
    return JSONResponse({"detail": detail}, status)


def task_not_found(error: TaskNotFound) -> Response:
    """404: this user has no such task."""
    return error_response(404, TASK_NOT_FOUND)


def invalid_request(error: InvalidRequest) -> Response:
    """422: all faults at once."""
    return error_response(422, [asdict(fault) for fault in error.faults])


def unauthenticated(error: NotAuthenticated | InvalidToken | TokenExpired) -> Response:
    """401, with the challenge of RFC 6750, section 3: an error is named only where there was a token."""
    sentence = UNAUTHENTICATED[type(error)]
    response = error_response(401, sentence)
    reason = "" if isinstance(error, NotAuthenticated) else f', error="invalid_token", error_description="{sentence}"'
    response.headers["WWW-Authenticate"] = f'Bearer realm="tasks"{reason}'
    return response


def access_forbidden(error: AccessForbidden) -> Response:
    """403: the token is another user's."""
    return error_response(403, ACCESS_FORBIDDEN)


def task_limit_reached(error: TaskLimitReached) -> Response:
    """403: the user has as many tasks as are allowed."""
    return error_response(403, TASK_LIMIT_REACHED)


def precondition_failed(error: PreconditionFailed) -> Response:
    """412, with the tag that the task, or the list, has."""
    response = error_response(412, PRECONDITION_FAILED)
    response.headers["ETag"] = f'"{error.version}"'
    return response


def precondition_required(error: PreconditionRequired) -> Response:
    """428: the client has to say which version it knows (RFC 6585, section 3)."""
    return error_response(428, PRECONDITION_REQUIRED)


def sync_token_expired(error: SyncTokenExpired) -> Response:
    """410: the client has to start anew, without a token."""
    return error_response(410, SYNC_TOKEN_EXPIRED)


def key_reused(error: KeyReused) -> Response:
    """422: the header `Idempotency-Key` names another request."""
    fault = Fault(("header", IDEMPOTENCY_KEY), KEY_REUSED.msg, KEY_REUSED.type)
    return invalid_request(InvalidRequest([fault]))


def keys_unavailable(error: KeysUnavailable) -> Response:
    """503: the issuer's keys can't be fetched now, so the token can't be verified."""
    return http_error(ServiceUnavailable(retry_after=error.retry_after))


def method_not_allowed(error: MethodNotAllowed) -> Response:
    """405, with the methods that are allowed.

    404 where there is nothing but an erasure: a client that knows of none has always got 404 there.
    """
    return http_error(NotFound() if set(error.valid_methods or ()) == ERASURE_ONLY else error)


def http_error(error: HTTPException) -> Response:
    """Any other status, with the headers that belong to it, `Allow` for one."""
    sentence = error.description if isinstance(error, Forbidden) else DETAILS.get(error.code, error.name)
    response = error_response(error.code or 500, sentence)
    for name, value in error.get_headers():
        if name != "Content-Type":
            response.headers.add(name, value)
    return response


def database_error(error: Exception) -> Response:
    """503 while the database is away or too busy, 500 for a fault of ours; its cause goes into the log only."""
    cause = getattr(error, "orig", error)
    note_database_error(getattr(cause, "pgcode", None))
    if not is_unavailable(error):
        logger.exception("The database refused a statement")
        return http_error(InternalServerError())
    logger.warning("The database is unavailable: %s", str(cause).strip())
    return http_error(ServiceUnavailable(retry_after=RETRY_AFTER))


def init_app(app: Flask) -> None:
    """Have the application answer with these bodies."""
    app.register_error_handler(TaskNotFound, task_not_found)
    app.register_error_handler(InvalidRequest, invalid_request)
    app.register_error_handler(NotAuthenticated, unauthenticated)
    app.register_error_handler(InvalidToken, unauthenticated)
    app.register_error_handler(TokenExpired, unauthenticated)
    app.register_error_handler(AccessForbidden, access_forbidden)
    app.register_error_handler(KeysUnavailable, keys_unavailable)
    app.register_error_handler(TaskLimitReached, task_limit_reached)
    app.register_error_handler(PreconditionFailed, precondition_failed)
    app.register_error_handler(PreconditionRequired, precondition_required)
    app.register_error_handler(SyncTokenExpired, sync_token_expired)
    app.register_error_handler(KeyReused, key_reused)
    for database_exception in DATABASE_ERRORS:
        app.register_error_handler(database_exception, database_error)
    app.register_error_handler(MethodNotAllowed, method_not_allowed)
    app.register_error_handler(HTTPException, http_error)
