"""The endpoints of export and erasure."""

from flask import request
from flask.typing import ResponseReturnValue

from app.exceptions import PreconditionRequired
from app.tasks.schemas import USER_ID, MessageSchema
from app.transfer import repository
from app.transfer.formats import FORMATS, JSON
from app.transfer.schemas import EXPORT_EXAMPLE, FORMAT, IF_MATCH, OF_AN_EXPORT, OTHER_FORMATS, SCHEMAS, ExportSchema
from app.web.answers import TOTAL
from app.web.blueprint import Blueprint
from app.web.conditions import read_accepted_tags
from app.web.downloads import send_file
from app.web.query import Query

ERASED = {"message": "All data of the user was erased"}

blueprint = Blueprint(
    "transfer",
    __name__,
    url_prefix="/api/<user_id>",
    description="Export and erasure of everything that is kept of one user.",
    path_fields={"user_id": USER_ID},
    schemas=SCHEMAS,
)


@blueprint.get("/export")
@blueprint.accepts(others=[FORMAT])
@blueprint.response(200, ExportSchema(), example=EXPORT_EXAMPLE, headers=OF_AN_EXPORT)
@blueprint.doc(responses={200: {"content": OTHER_FORMATS}})
def export_tasks(user_id: str) -> ResponseReturnValue:
    """Return every task of the user, in full and from one snapshot, as a download."""
    query = Query()
    chosen = query.read_word(FORMATS, "format") or JSON
    query.require_no_faults()
    export = repository.open_export(user_id)
    try:
        response = send_file(chosen.write(export), chosen.content_type, chosen.name_file(user_id))
    finally:
        export.close()
    response.headers[TOTAL] = str(export.count)
    return response


@blueprint.delete("")
@blueprint.accepts(others=[IF_MATCH])
@blueprint.response(200, MessageSchema(), example=ERASED)
@blueprint.alt_response(412, "PreconditionFailed")
@blueprint.alt_response(428, "PreconditionRequired")
def erase_user(user_id: str) -> ResponseReturnValue:
    """Erase everything that is kept of the user, for good.

    `If-Match` has the current `ETag` of the user's list, so that nothing is erased that the client does not know of;
    `*` erases whatever there is.
    """
    if "If-Match" not in request.headers:
        raise PreconditionRequired()
    repository.erase(user_id, read_accepted_tags())
    return ERASED
