"""Every error of the contract as a component of the OpenAPI document, for the operations to refer to."""

from typing import Any

from app.extensions import api
from app.web.errors import ACCESS_FORBIDDEN, DETAILS, RETRY_AFTER, TASK_NOT_FOUND, UNAUTHENTICATED
from app.web.fields import MESSAGES, MISSING


def document_errors() -> None:
    """Describe every error of the contract, once, for the operations to refer to."""
    for name, detail, description in (
        ("TaskNotFound", TASK_NOT_FOUND, "The user has no such task."),
        ("RequestBodyTooLarge", DETAILS[413], "The body is larger than the limit."),
        ("UnsupportedMediaType", DETAILS[415], "There is a body that is not `application/json`."),
        ("InternalServerError", "Internal Server Error", "A fault of ours."),
        ("ServiceUnavailable", DETAILS[503], "The database can't be reached, or is too busy."),
    ):
        response: dict[str, Any] = {
            "description": description,
            "content": {"application/json": {"schema": _detail({"const": detail}), "example": {"detail": detail}}},
        }
        if name == "ServiceUnavailable":
            response["headers"] = {
                "Retry-After": {
                    "description": "Seconds after which to try again.",
                    "schema": {"type": "integer", "minimum": 0},
                    "example": RETRY_AFTER,
                }
            }
        api.spec.components.response(name, response)
    fault = {
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
            "type": {"description": "What is wrong, for programs.", "enum": [message.type for message in MESSAGES]},
        },
        "required": ["loc", "msg", "type"],
        "additionalProperties": False,
    }
    api.spec.components.schema("Fault", fault)
    faults = {"type": "array", "items": {"$ref": "#/components/schemas/Fault"}, "minItems": 1}
    example = {"loc": ["body", "title"], "msg": MISSING.msg, "type": MISSING.type}
    api.spec.components.response(
        "InvalidRequest",
        {
            "description": "What was sent is wrong, in all the ways that `detail` lists; nothing was changed.",
            "content": {"application/json": {"schema": _detail(faults), "example": {"detail": [example]}}},
        },
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
    for name, detail, description, headers in (
        ("Unauthenticated", {"enum": sentences}, "There is no good token.", {"WWW-Authenticate": challenge}),
        ("AccessForbidden", {"const": ACCESS_FORBIDDEN}, "The token is another user's.", {}),
    ):
        example = {"detail": detail.get("const", sentences[0])}
        content = {"application/json": {"schema": _detail(detail), "example": example}}
        api.spec.components.response(name, {"description": description, "headers": headers, "content": content})


def _detail(schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"detail": schema},
        "required": ["detail"],
        "additionalProperties": False,
    }
