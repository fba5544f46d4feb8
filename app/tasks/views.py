"""The endpoints: path and body in, status and headers out."""

from typing import Any
from urllib.parse import quote

from flask.typing import ResponseReturnValue

from app.tasks import repository
from app.tasks.schemas import (
    CHANGE,
    CHANGED,
    COMPLETED,
    COMPLETIONS,
    EXAMPLE,
    LOCATION,
    TASK_ID,
    USER_ID,
    Completion,
    MessageSchema,
    NewTask,
    TaskChanges,
    TaskSchema,
)
from app.web.blueprint import Blueprint

DELETED = {"message": "Task deleted successfully"}

blueprint = Blueprint(
    "tasks",
    __name__,
    url_prefix="/api/<user_id>/tasks",
    description="The tasks of one user.",
    path_fields={"user_id": USER_ID},
)


@blueprint.get("")
@blueprint.response(200, TaskSchema(many=True), example=[EXAMPLE])
def list_tasks(user_id: str) -> ResponseReturnValue:
    """List every task of the user, oldest first."""
    return repository.list_tasks(user_id)


@blueprint.post("")
@blueprint.arguments(NewTask())
@blueprint.response(201, TaskSchema(), example=EXAMPLE, headers={"Location": LOCATION})
def create_task(body: dict[str, Any], user_id: str) -> ResponseReturnValue:
    """Create a task."""
    task = repository.add(user_id, body["title"], body.get("description"), body.get("completed", False))
    return task, 201, {"Location": f"/api/{quote(user_id, safe='')}/tasks/{task['id']}"}


@blueprint.get("/<task_id>", parameters=[TASK_ID])
@blueprint.response(200, TaskSchema(), example=EXAMPLE)
@blueprint.alt_response(404, "TaskNotFound")
def get_task(user_id: str, task_id: str) -> ResponseReturnValue:
    """Return one task."""
    return repository.get(user_id, task_id)


@blueprint.put("/<task_id>", parameters=[TASK_ID])
@blueprint.patch("/<task_id>", parameters=[TASK_ID], endpoint="patch_task")
@blueprint.arguments(TaskChanges(), example=CHANGE)
@blueprint.response(200, TaskSchema(), example=CHANGED)
@blueprint.alt_response(404, "TaskNotFound")
def update_task(body: dict[str, Any], user_id: str, task_id: str) -> ResponseReturnValue:
    """Change the fields that are sent.

    A field that is absent stays as it is; `"description": null` clears it. `{}` changes nothing, not even `updated_at`.
    `PUT` and `PATCH` do the same.
    """
    return repository.update(user_id, task_id, body)


@blueprint.patch("/<task_id>/complete", parameters=[TASK_ID])
@blueprint.arguments(Completion(), examples=COMPLETIONS)
@blueprint.response(200, TaskSchema(), example=COMPLETED)
@blueprint.alt_response(404, "TaskNotFound")
def complete_task(body: dict[str, Any], user_id: str, task_id: str) -> ResponseReturnValue:
    """Complete or reopen a task.

    With `completed` in a body, set it; without a body, or with `{}`, flip it.
    """
    return repository.set_completed(user_id, task_id, body.get("completed"))


@blueprint.delete("/<task_id>", parameters=[TASK_ID])
@blueprint.response(200, MessageSchema(), example=DELETED)
@blueprint.alt_response(404, "TaskNotFound")
def delete_task(user_id: str, task_id: str) -> ResponseReturnValue:
    """Remove a task for good."""
    repository.delete(user_id, task_id)
    return DELETED
