"""What a client gets that asks for changes."""

from marshmallow import Schema, fields

from app.tasks.documented_list import LIMIT
from app.tasks.filters import LIMIT_MAX
from app.tasks.schemas import EXAMPLE, TaskSchema
from app.web.documented_headers import LIST_TAG, describe_query

TOKEN_EXAMPLE = LIST_TAG.strip('"')
SINCE = describe_query(
    "since", "The `token` of the answer before, or the `ETag` of a list without its quotes.", {"type": "string"}
)
PAGE = describe_query("limit", f"At most so many tasks and deletions; {LIMIT_MAX} unless sent.", LIMIT)
CHANGES_EXAMPLE = {
    "tasks": [EXAMPLE],
    "deleted": ["019be525-857b-774b-8b5e-5d2f8a6c3e11"],
    "token": TOKEN_EXAMPLE,
    "has_more": False,
}


class ChangesSchema(Schema):
    """What happened since a token."""

    tasks = fields.List(
        fields.Nested(TaskSchema),
        required=True,
        metadata={"description": "Tasks that were created or changed, as they are now, in the order of their changes."},
    )
    deleted = fields.List(
        fields.UUID(), required=True, metadata={"description": "Ids of tasks that were deleted, or never seen."}
    )
    token = fields.String(required=True, metadata={"description": "Where to go on: `since` of the next request."})
    has_more = fields.Boolean(required=True, metadata={"description": "Whether there is more by now."})
