"""Every error of the contract as a component of the OpenAPI document, for the operations to refer to."""

from collections.abc import Mapping
from typing import Any

from app.extensions import api
from app.web.documented_headers import LIST_TAG, refer_to_schema
from app.web.errors import (
    ACCESS_FORBIDDEN,
    DETAILS,
    PRECONDITION_FAILED,
    PRECONDITION_REQUIRED,
    RETRY_AFTER,
    SYNC_TOKEN_EXPIRED,
    TASK_LIMIT_REACHED,
    TASK_NOT_FOUND,
    UNAUTHENTICATED,
)
from app.web.fields import MESSAGES, MISSING

FAULT = {
    "type": "object",
    "properties": {
        "loc": {
            "description": "The way to the fault; `body` alone is the body as a whole.",
            "type": "array",
            "items": {"type": "string"},
            "minItems": 1,
            "maxItems": 2,
        },
        "msg": {"description": "What is wrong, for people.", "type": "string"},
        "type": {
            "description": "What is wrong, for programs.",
            "type": "string",
            "enum": [message.type for message in MESSAGES],
        },
    },
    "required": ["loc", "msg", "type"],
    "additionalProperties": False,
}
FAULT_EXAMPLE = {"loc": ["body", "title"], "msg": MISSING.msg, "type": MISSING.type}
RETRY_AFTER_HEADER = {
    "description": "Seconds after which to try again.",
    "schema": {"type": "integer", "minimum": 0},
    "example": RETRY_AFTER,
}


def document_errors() -> None:
    """Describe every error of the contract, once, for the operations to refer to."""
    for name, detail, description in (
        ("TaskNotFound", TASK_NOT_FOUND, "The user has no such task."),
        ("RequestBodyTooLarge", DETAILS[413], "The body is larger than the limit."),
        ("UnsupportedMediaType", DETAILS[415], "There is a body that is not `application/json`."),
        ("TaskLimitReached", TASK_LIMIT_REACHED, "The user has as many tasks as are allowed."),
        ("SyncTokenExpired", SYNC_TOKEN_EXPIRED, "What happened since is not known any more: start without `since`."),
        ("PreconditionRequired", PRECONDITION_REQUIRED, "There is no `If-Match`."),
        ("InternalServerError", "Internal Server Error", "A fault of ours."),
    ):
        _document(name, description, {"type": "string", "const": detail}, detail)
    _document(
        "PreconditionFailed",
        "`If-Match` does not have the current tag, which `ETag` has; nothing was changed.",
        {"type": "string", "const": PRECONDITION_FAILED},
        PRECONDITION_FAILED,
        {"ETag": {"description": "The current tag.", "schema": {"type": "string"}, "example": LIST_TAG}},
    )
    _document(
        "ServiceUnavailable",
        "The database, or the key set of the issuer, can't be reached or is too busy.",
        {"type": "string", "const": DETAILS[503]},
        DETAILS[503],
        {"Retry-After": RETRY_AFTER_HEADER},
    )
    api.spec.components.schema("Fault", FAULT)
    _document(
        "InvalidRequest",
        "What was sent is wrong, in all the ways that `detail` lists; nothing was changed.",
        {"type": "array", "items": refer_to_schema("Fault"), "minItems": 1},
        [FAULT_EXAMPLE],
    )


def document_authentication() -> None:
    """Describe the lock, for "Authorize" in Swagger UI, and what it answers."""
    api.spec.components.security_scheme(
        "bearer",
        {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "A token of which `sub` is the `user_id` in the path.",
        },
    )
    sentences = list(UNAUTHENTICATED.values())
    challenge = {
        "description": "The challenge (RFC 6750, section 3).",
        "required": True,
        "schema": {"type": "string", "pattern": "^Bearer "},
        "example": 'Bearer realm="tasks"',
    }
    _document(
        "Unauthenticated",
        "There is no good token.",
        {"type": "string", "enum": sentences},
        sentences[0],
        {"WWW-Authenticate": challenge},
    )
    for name, about, details in (
        ("AccessForbidden", "The token is another user's.", [ACCESS_FORBIDDEN]),
        (
            "Forbidden",
            "The token is another user's, or the user has as many tasks as are allowed.",
            [ACCESS_FORBIDDEN, TASK_LIMIT_REACHED],
        ),
    ):
        _document(name, about, {"type": "string", "enum": details}, details[0])


def _document(
    name: str, description: str, detail: dict[str, Any], example: object, headers: Mapping[str, Any] | None = None
) -> None:
    """Describe an error as a response, and its body as a schema of that name: generators make a class of each."""
    body = {
        "type": "object",
        "properties": {"detail": detail},
        "required": ["detail"],
        "additionalProperties": False,
    }
    api.spec.components.schema(name, body)
    content = {"schema": refer_to_schema(name), "example": {"detail": example}}
    response = {"description": description, "content": {"application/json": content}}
    api.spec.components.response(name, response | ({"headers": dict(headers)} if headers else {}))
