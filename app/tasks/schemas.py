"""What a client may send, and what it gets. The limits are the model's."""

from typing import Any, ClassVar

from marshmallow import Schema, ValidationError, fields, validates_schema

from app.tasks.models import DESCRIPTION_MAX, TITLE_MAX, USER_ID_MAX
from app.web.fields import MISSING, Boolean, Length, RequestSchema, String, trim

CONTROL_CHARACTERS = r"\x00-\x1f\x7f-\x9f"  # The general category Cc of Unicode.
NOT_BLANK = r"^[^\x00]*[^\x00\s][^\x00]*$"

EXAMPLE: dict[str, Any] = {
    "id": "019be525-857b-774b-8b5e-5d2f8a6c3e10",
    "user_id": "alice",
    "title": "Buy milk",
    "description": "Two litres, the blue one",
    "completed": False,
    "created_at": "2026-01-22T10:00:00.123456Z",
    "updated_at": "2026-01-22T10:00:00.123456Z",
}
LATER = {"updated_at": "2026-01-22T10:15:00.654321Z"}
COMPLETED = EXAMPLE | LATER | {"completed": True}
CHANGE = {"title": "Buy oat milk"}
CHANGED = EXAMPLE | LATER | CHANGE
# The first one is what a documentation page sends when somebody tries it out.
COMPLETIONS = {
    "complete": {"summary": "Complete it.", "value": {"completed": True}},
    "reopen": {"summary": "Reopen it.", "value": {"completed": False}},
    "flip": {"summary": "Flip it, as without a body.", "value": {}},
}

USER_ID = String(
    Length(1, USER_ID_MAX),
    forbidden=CONTROL_CHARACTERS + "/",
    metadata={"description": "The owner of the tasks.", "example": EXAMPLE["user_id"]},
)
TASK_ID = {
    "in": "path",
    "name": "task_id",
    "description": "The id of the task. To a client it is opaque: what is no UUID is the id of no task.",
    "schema": {"type": "string", "format": "uuid"},
    "example": EXAMPLE["id"],
}
LOCATION = {
    "description": "The path of the new task.",
    "schema": {"type": "string", "format": "uri-reference"},
    "example": f"/api/{EXAMPLE['user_id']}/tasks/{EXAMPLE['id']}",
}


def title_field(**kwargs: Any) -> String:
    """Return the field for a title, whose surrounding white space does not count."""
    about = "What is to be done. Surrounding white space is trimmed, and does not count."
    return String(
        Length(1, TITLE_MAX),
        pre_load=trim,
        metadata={"description": about, "pattern": NOT_BLANK, "example": EXAMPLE["title"]},
        **kwargs,
    )


def description_field() -> String:
    """Return the field for a description, which is kept as sent."""
    return String(
        Length(max=DESCRIPTION_MAX),
        allow_none=True,
        metadata={"description": "More about it; kept as sent.", "example": EXAMPLE["description"]},
    )


def completed_field(about: str = "Whether it is done.", example: bool = True) -> Boolean:
    """Return the field that tells whether the task is done."""
    return Boolean(metadata={"description": about, "example": example})


class NewTask(RequestSchema):
    """The body of a request that creates a task."""

    title = title_field(required=True)
    description = description_field()
    completed = completed_field("Whether it is done; false unless sent.", EXAMPLE["completed"])


class TaskChanges(RequestSchema):
    """The body of a request that changes a task: what is absent stays as it is."""

    title = title_field()
    description = description_field()
    completed = completed_field()


class Completion(RequestSchema):
    """The body of a request that sets `completed`; without a body, the request flips it. `{}` is no body."""

    body_required: ClassVar[bool] = False
    keywords: ClassVar[dict[str, Any]] = {"if": {"minProperties": 1}, "then": {"required": ["completed"]}}

    completed = completed_field()

    @validates_schema(pass_original=True)
    def require_completed(self, _data: Any, sent: dict[str, Any], **_kwargs: Any) -> None:
        """Refuse other fields alone: a misspelt name must not flip the task."""
        if sent and "completed" not in sent:
            raise ValidationError({"completed": [MISSING]})


class TaskSchema(Schema):
    """A task as a client gets it.

    It documents: the rows that the repository returns have this shape already, which the tests prove.
    """

    id = fields.UUID(
        required=True,
        metadata={"description": "Made by the server, version 7; never changes.", "example": EXAMPLE["id"]},
    )
    user_id = fields.String(required=True, metadata={"description": "The owner.", "example": EXAMPLE["user_id"]})
    title = fields.String(required=True, metadata={"example": EXAMPLE["title"]})
    description = fields.String(required=True, allow_none=True, metadata={"example": EXAMPLE["description"]})
    completed = fields.Boolean(required=True, metadata={"example": EXAMPLE["completed"]})
    created_at = fields.DateTime(
        required=True, metadata={"description": "RFC 3339, in UTC.", "example": EXAMPLE["created_at"]}
    )
    updated_at = fields.DateTime(
        required=True,
        metadata={"description": "RFC 3339, in UTC; moves with every change.", "example": EXAMPLE["updated_at"]},
    )


class MessageSchema(Schema):
    """What the server has to say to people."""

    message = fields.String(required=True)
