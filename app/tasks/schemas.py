"""What a client may send, and what it gets. The limits are the model's."""

from typing import Any, ClassVar

from marshmallow import Schema, ValidationError, fields, validates_schema

from app.database.ownership import USER_ID_MAX
from app.tasks.dates import is_day, normalize_date
from app.tasks.models import DESCRIPTION_MAX, TAG_MAX, TAGS_MAX, TITLE_MAX
from app.tasks.recurrence import read_rule
from app.tasks.time_zones import find_time_zone
from app.web.fields import (
    CONFLICT,
    MISSING,
    NO_RECURRENCE,
    NO_TIME_ZONE,
    NOT_A_DATE,
    Boolean,
    Length,
    Parsed,
    RequestSchema,
    String,
    Strings,
    Word,
    trim,
)

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


PRIORITIES = ("low", "medium", "high")
COUNTED_FROM = ("due", "completion")
# What a new task has where the client says nothing.
DEFAULTS: dict[str, Any] = {
    "description": None,
    "completed": False,
    "priority": None,
    "due_date": None,
    "time_zone": None,
    "tags": [],
    "recurrence": None,
    "recurrence_from": COUNTED_FROM[0],
}
# What excludes what, or needs it, in a sentence that names both.
CONFLICTS = {
    "recurrence": "recurrence needs a due_date",
    "time_zone": "time_zone needs a due_date with a time",
}
DUE_DATE = "A date, a time on the wall, or an instant in UTC that ends in Z."
TIME_ZONE = "Where the wall is: a name of the IANA database."
RECURRENCE = "A rule (RRULE of RFC 5545), or one of the words daily, weekdays, weekly, monthly and yearly."
RECURRENCE_FROM = "Whether the next due date is counted from this one, or from the day of the completion."


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


def priority_field() -> Word:
    """Return the field for a priority."""
    about = {"description": "How important it is.", "example": "high"}
    return Word(PRIORITIES, title="Priority", allow_none=True, metadata=about)


def due_date_field() -> Parsed:
    """Return the field for a due date; an empty one is null."""
    metadata = {"description": DUE_DATE, "example": "2026-03-01T09:00:00"}
    return Parsed(normalize_date, NOT_A_DATE, blank=True, allow_none=True, metadata=metadata)


def time_zone_field() -> Parsed:
    """Return the field for a time zone."""
    metadata = {"description": TIME_ZONE, "example": "Europe/Berlin"}
    return Parsed(find_time_zone, NO_TIME_ZONE, allow_none=True, metadata=metadata)


def tags_field() -> Strings:
    """Return the field for tags."""
    item = String(Length(1, TAG_MAX), pre_load=trim)
    described = {"type": "string", "minLength": 1, "maxLength": TAG_MAX, "pattern": NOT_BLANK}
    return Strings(TAGS_MAX, item, metadata={"type": "array", "items": described, "example": ["home"]})


def recurrence_field() -> Parsed:
    """Return the field for a recurrence rule."""
    metadata = {"description": RECURRENCE, "example": "FREQ=WEEKLY;BYDAY=MO"}
    return Parsed(read_rule, NO_RECURRENCE, allow_none=True, metadata=metadata)


def recurrence_from_field() -> Word:
    """Return the field that tells from where the next due date is counted."""
    about = {"description": RECURRENCE_FROM, "example": COUNTED_FROM[0]}
    return Word(COUNTED_FROM, title="RecurrenceFrom", metadata=about)


class BasicNewTaskSchema(RequestSchema):
    """The body of a request in the basic view that creates a task."""

    title = title_field(required=True)
    description = description_field()
    completed = completed_field("Whether it is done; false unless sent.", EXAMPLE["completed"])


class NewTaskSchema(BasicNewTaskSchema):
    """The body of a request that creates a task."""

    priority = priority_field()
    due_date = due_date_field()
    time_zone = time_zone_field()
    tags = tags_field()
    recurrence = recurrence_field()
    recurrence_from = recurrence_from_field()

    @validates_schema
    def _require_what_goes_together(self, data: dict[str, Any], **_: object) -> None:
        due_date = data.get("due_date")
        if data.get("recurrence") and not due_date:
            raise ValidationError([CONFLICT(CONFLICTS["recurrence"])], "recurrence")
        if data.get("time_zone") and (not due_date or is_day(due_date)):
            raise ValidationError([CONFLICT(CONFLICTS["time_zone"])], "time_zone")


class BasicTaskChangesSchema(RequestSchema):
    """The body of a request in the basic view that changes a task: what is absent stays as it is."""

    title = title_field()
    description = description_field()
    completed = completed_field()


class TaskChangesSchema(BasicTaskChangesSchema):
    """The body of a request that changes a task: what is absent stays as it is."""

    priority = priority_field()
    due_date = due_date_field()
    time_zone = time_zone_field()
    tags = tags_field()
    recurrence = recurrence_field()
    recurrence_from = recurrence_from_field()


class CompletionSchema(RequestSchema):
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
    """A task as a client gets it: seven fields, and in the full view the others, too.

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
    priority = priority_field()
    due_date = fields.String(allow_none=True, metadata={"description": DUE_DATE, "example": "2026-03-01T09:00:00"})
    time_zone = fields.String(allow_none=True, metadata={"description": TIME_ZONE, "example": "Europe/Berlin"})
    tags = fields.List(fields.String(), metadata={"example": ["home"]})
    recurrence = fields.String(allow_none=True, metadata={"description": RECURRENCE, "example": "FREQ=WEEKLY"})
    recurrence_from = recurrence_from_field()
    completed_at = fields.DateTime(
        allow_none=True, metadata={"description": "When it was last completed.", "example": None}
    )
    version = fields.Integer(metadata={"description": "The number of the last change.", "example": 42})


class MessageSchema(Schema):
    """What the server has to say to people."""

    message = fields.String(required=True)
