"""The endpoint of the changes."""

from flask.typing import ResponseReturnValue

from app.changes import repository
from app.changes.schemas import CHANGES_EXAMPLE, PAGE, SINCE, ChangesSchema
from app.tasks.filters import LIMIT_MAX
from app.tasks.schemas import USER_ID
from app.web.blueprint import Blueprint
from app.web.fields import BAD_CURSOR
from app.web.query import Query
from app.web.views import read_view

blueprint = Blueprint(
    "changes",
    __name__,
    url_prefix="/api/<user_id>/changes",
    description="What happened to the tasks of one user.",
    path_fields={"user_id": USER_ID},
)


@blueprint.get("")
@blueprint.accepts("View", others=[SINCE, PAGE])
@blueprint.response(200, ChangesSchema(), example=CHANGES_EXAMPLE)
@blueprint.alt_response(410, "SyncTokenExpired")
def list_changes(user_id: str) -> ResponseReturnValue:
    """Return what happened since a token."""
    query = Query()
    view = read_view(query)
    limit = query.read_integer("limit", least=1, most=LIMIT_MAX) or LIMIT_MAX
    token = _read_token(query)
    query.require_no_faults()
    changes = repository.list_changes(user_id, token, limit, view)
    return {
        "tasks": changes.tasks,
        "deleted": changes.deleted,
        "token": changes.token,
        "has_more": changes.has_more,
    }


def _read_token(query: Query) -> repository.Token:
    token = repository.read_token(query.read_text("since"))
    if token is None:
        query.refuse("since", BAD_CURSOR)
    return token or repository.FROM_THE_START
