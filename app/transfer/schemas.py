"""What a client gets that exports or erases everything of a user."""

from typing import Any

from marshmallow import Schema, fields

from app.changes.schemas import TOKEN_EXAMPLE
from app.tasks.schemas import EXAMPLE, TaskSchema
from app.transfer.formats import CSV, FORMATS, ICS, JSON
from app.web.documented_headers import LIST_TAG, describe_query, refer_to_headers, refer_to_schema

FULL_EXAMPLE = EXAMPLE | {
    "priority": "high",
    "due_date": "2026-03-01T09:00:00",
    "time_zone": None,
    "tags": ["home"],
    "recurrence": "FREQ=WEEKLY",
    "recurrence_from": "due",
    "completed_at": None,
    "version": 42,
}
EXPORT_EXAMPLE = {"user_id": FULL_EXAMPLE["user_id"], "count": 1, "token": TOKEN_EXAMPLE, "tasks": [FULL_EXAMPLE]}
# The same task in the other formats.
CSV_EXAMPLE = (
    "id,user_id,title,description,completed,created_at,updated_at,priority,due_date,time_zone,tags,recurrence,"
    "recurrence_from,completed_at,version\r\n"
    '019be525-857b-774b-8b5e-5d2f8a6c3e10,alice,Buy milk,"Two litres, the blue one",false,'
    "2026-01-22T10:00:00.123456Z,2026-01-22T10:00:00.123456Z,high,2026-03-01T09:00:00,,home,FREQ=WEEKLY,due,,42\r\n"
)
ICS_EXAMPLE = """\
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//Tasks API//Export//EN
BEGIN:VTODO
UID:019be525-857b-774b-8b5e-5d2f8a6c3e10
DTSTAMP:20260122T100000Z
CREATED:20260122T100000Z
LAST-MODIFIED:20260122T100000Z
SUMMARY:Buy milk
STATUS:NEEDS-ACTION
DESCRIPTION:Two litres\\, the blue one
PRIORITY:1
CATEGORIES:home
DTSTART:20260301T090000
DUE:20260301T090000
RRULE:FREQ=WEEKLY
END:VTODO
END:VCALENDAR
""".replace("\n", "\r\n")
OTHER_FORMATS: dict[str, Any] = {
    each.content_type.partition(";")[0]: {"schema": {"type": "string"}, "example": example}
    for each, example in ((CSV, CSV_EXAMPLE), (ICS, ICS_EXAMPLE))
}
FORMAT = describe_query(
    "format", f"The format of the download; {JSON.name} unless sent.", refer_to_schema("ExportFormat")
)
OF_AN_EXPORT = {
    **refer_to_headers(X_Total_Count="TotalCount"),
    "Content-Disposition": {
        "description": "The name of the file.",
        "schema": {"type": "string"},
        "example": 'attachment; filename="tasks-alice.json"',
    },
}
SCHEMAS = {"ExportFormat": {"type": "string", "enum": [*FORMATS]}}
IF_MATCH = {
    "in": "header",
    "name": "If-Match",
    "description": "The current `ETag` of the user's list, or `*`.",
    "required": True,
    "schema": {"type": "string", "examples": [LIST_TAG, "*"]},
}


class ExportSchema(Schema):
    """All tasks of a user, from one snapshot."""

    user_id = fields.String(required=True, metadata={"description": "The owner."})
    count = fields.Integer(required=True, metadata={"description": "How many tasks there are."})
    token = fields.String(
        required=True, metadata={"description": "The tag of the list: `since` for the changes after this."}
    )
    tasks = fields.List(fields.Nested(TaskSchema), required=True, metadata={"description": "The tasks, oldest first."})
