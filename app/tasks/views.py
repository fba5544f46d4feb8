"""The endpoints of the tasks: path, query, headers and body in; status, headers and body out."""

from typing import Any
from urllib.parse import quote

from flask import Response, current_app
from flask.typing import ResponseReturnValue

from app.exceptions import Fault, FieldsConflict, InvalidRequest
from app.tasks import repository
from app.tasks.criteria import Criteria
from app.tasks.documented_list import LIST_PARAMETERS, SCHEMAS
from app.tasks.filters import NEXT_REPLACES, read_criteria
from app.tasks.models import KEY_MAX
from app.tasks.schemas import (
    CHANGE,
    CHANGED,
    COMPLETED,
    COMPLETIONS,
    CONFLICTS,
    DEFAULTS,
    EXAMPLE,
    LOCATION,
    TASK_ID,
    USER_ID,
    BasicNewTaskSchema,
    BasicTaskChangesSchema,
    CompletionSchema,
    MessageSchema,
    NewTaskSchema,
    TaskChangesSchema,
    TaskSchema,
)
from app.web.answers import TOTAL, NotModified, is_seen, tagged
from app.web.blueprint import Blueprint
from app.web.conditions import ANY, read_accepted_versions, read_seen_tags
from app.web.cursors import make_cursor, make_next_link
from app.web.documented_headers import OF_A_LIST, OF_A_REPLAY, OF_A_TASK
from app.web.fields import CONFLICT
from app.web.idempotency import fingerprint_request
from app.web.query import Query
from app.web.views import read_view

DELETED = {"message": "Task deleted successfully"}

blueprint = Blueprint(
    "tasks",
    __name__,
    url_prefix="/api/<user_id>/tasks",
    description="The tasks of one user.",
    path_fields={"user_id": USER_ID},
    schemas=SCHEMAS,
)


@blueprint.get("")
@blueprint.accepts("View", "IfNoneMatch", others=LIST_PARAMETERS)
@blueprint.response(200, TaskSchema(many=True), example=[EXAMPLE], headers=OF_A_LIST)
@blueprint.alt_response(304, "NotModified")
def list_tasks(user_id: str) -> ResponseReturnValue:
    """List the tasks of the user that match, all of them unless a page is asked for."""
    criteria = read_criteria(user_id)
    seen = read_seen_tags()
    if seen == [ANY]:
        return NotModified(repository.get_list_tag(user_id))
    if criteria.is_everything:
        tag, tasks = repository.list_tasks(user_id, criteria.view, seen)
        return NotModified(tag) if tasks is None else tagged(tasks, tag, headers={TOTAL: str(len(tasks))})
    return _answer_page(user_id, criteria, seen)


@blueprint.post("")
@blueprint.arguments(NewTaskSchema(), basic=BasicNewTaskSchema(), key_max=KEY_MAX)
@blueprint.response(201, TaskSchema(), example=EXAMPLE, headers={"Location": LOCATION, **OF_A_TASK, **OF_A_REPLAY})
@blueprint.alt_response(403, "TaskLimitReached")
def create_task(body: dict[str, Any], view: str, key: str | None, user_id: str) -> ResponseReturnValue:
    """Create a task."""
    is_replay = False
    if key is None:
        task, version = repository.add(user_id, body, view, _most())
    else:
        once = repository.Key(key, fingerprint_request({**DEFAULTS, **body}))
        task, version, is_replay = repository.add_once(user_id, body, view, _most(), once)
    location = f"/api/{quote(user_id, safe='')}/tasks/{task['id']}"
    return tagged(task, version, 201, headers={"Location": location, **_replay_headers(is_replay)})


@blueprint.get("/<task_id>", parameters=[TASK_ID])
@blueprint.accepts("View", "IfNoneMatch")
@blueprint.response(200, TaskSchema(), example=EXAMPLE, headers=OF_A_TASK)
@blueprint.alt_response(304, "NotModified")
@blueprint.alt_response(404, "TaskNotFound")
def get_task(user_id: str, task_id: str) -> ResponseReturnValue:
    """Return one task."""
    query = Query()
    view = read_view(query)
    query.require_no_faults()
    task, version = repository.get(user_id, task_id, view)
    return NotModified(version) if is_seen(version, read_seen_tags()) else tagged(task, version)


@blueprint.put("/<task_id>", parameters=[TASK_ID])
@blueprint.patch("/<task_id>", parameters=[TASK_ID], endpoint="patch_task")
@blueprint.accepts("IfMatch")
@blueprint.arguments(TaskChangesSchema(), basic=BasicTaskChangesSchema(), example=CHANGE)
@blueprint.response(200, TaskSchema(), example=CHANGED, headers=OF_A_TASK)
@blueprint.alt_response(403, "TaskLimitReached")
@blueprint.alt_response(404, "TaskNotFound")
@blueprint.alt_response(412, "PreconditionFailed")
def update_task(body: dict[str, Any], view: str, user_id: str, task_id: str) -> ResponseReturnValue:
    """Change the fields that are sent.

    A field that is absent stays as it is; `"description": null` clears it. `{}` changes nothing, not even `updated_at`.
    `PUT` and `PATCH` do the same.
    """
    try:
        return tagged(*repository.update(user_id, task_id, body, view, read_accepted_versions(), _most()))
    except FieldsConflict as error:
        message = CONFLICT(CONFLICTS[error.field])
        raise InvalidRequest([Fault(("body", error.field), message.msg, message.type)]) from error


@blueprint.patch("/<task_id>/complete", parameters=[TASK_ID])
@blueprint.accepts("IfMatch")
@blueprint.arguments(CompletionSchema(), key_max=KEY_MAX, examples=COMPLETIONS)
@blueprint.response(200, TaskSchema(), example=COMPLETED, headers=OF_A_TASK | OF_A_REPLAY)
@blueprint.alt_response(403, "TaskLimitReached")
@blueprint.alt_response(404, "TaskNotFound")
@blueprint.alt_response(412, "PreconditionFailed")
def complete_task(body: dict[str, Any], view: str, key: str | None, user_id: str, task_id: str) -> ResponseReturnValue:
    """Complete or reopen a task.

    With `completed` in a body, set it; without a body, or with `{}`, flip it.
    """
    completed, accepted = body.get("completed"), read_accepted_versions()
    if key is None:
        return tagged(*repository.set_completed(user_id, task_id, completed, view, accepted, _most()))
    once = repository.Key(key, fingerprint_request(body))
    task, version, is_replay = repository.set_completed_once(
        *(user_id, task_id, completed, view, accepted, _most(), once)
    )
    return tagged(task, version, headers=_replay_headers(is_replay))


@blueprint.delete("/<task_id>", parameters=[TASK_ID])
@blueprint.accepts("IfMatch")
@blueprint.response(200, MessageSchema(), example=DELETED)
@blueprint.alt_response(404, "TaskNotFound")
@blueprint.alt_response(412, "PreconditionFailed")
def delete_task(user_id: str, task_id: str) -> ResponseReturnValue:
    """Remove a task for good."""
    repository.delete(user_id, task_id, read_accepted_versions())
    return DELETED


def _answer_page(user_id: str, criteria: Criteria, seen: list[str] | None) -> Response:
    page = repository.list_page(user_id, criteria, seen)
    if page.tasks is None:
        return NotModified(page.tag)
    headers = {TOTAL: str(page.total)}
    if page.position is not None:
        cursor = make_cursor(page.position, criteria.bound_to(user_id))
        headers["Link"] = make_next_link(cursor, NEXT_REPLACES)
    return tagged(page.tasks, page.tag, headers=headers)


def _most() -> int:
    """Return how many tasks a user may have; 0: no limit."""
    most: int = current_app.config["MAX_TASKS_PER_USER"]
    return most


def _replay_headers(is_replay: bool) -> dict[str, str]:
    return {"Idempotent-Replayed": "true"} if is_replay else {}
