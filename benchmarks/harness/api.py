"""The requests that measurements send to the API."""

import json
from typing import Any, NamedTuple

TASKS_PER_USER = 100  # what "list 100" lists

# How many of a hundred requests of the mix are which operation: 80 read, 20 write.
MIX = {"read one": 70, "list 100": 10, "create": 8, "update": 6, "toggle": 4, "delete": 2}


class TaskKey(NamedTuple):
    """The primary key of a task."""

    user_id: str
    task_id: str


class Request(NamedTuple):
    """One request of one user."""

    user_id: str
    method: str
    path: str = ""  # below /api/{user_id}/tasks
    body: dict[str, Any] | None = None

    @property
    def target(self) -> str:
        """The whole path."""
        return f"/api/{self.user_id}/tasks{self.path}"


def get_task(key: TaskKey) -> Request:
    """Return the request that reads a task."""
    return Request(key.user_id, "GET", f"/{key.task_id}")


def list_tasks(user_id: str) -> Request:
    """Return the request that lists the tasks of a user."""
    return Request(user_id, "GET")


def create_task(user_id: str, number: int) -> Request:
    """Return the request that creates a task, with a title and a description like those that are loaded."""
    body = {"title": f"Task number {number}", "description": f"Description of task {number}"}
    return Request(user_id, "POST", "", body)


def update_task(key: TaskKey, title: str, *, completed: bool) -> Request:
    """Return the request that changes two fields of a task."""
    return Request(key.user_id, "PUT", f"/{key.task_id}", {"title": title, "completed": completed})


def toggle_task(key: TaskKey) -> Request:
    """Return the request that flips `completed`."""
    return Request(key.user_id, "PATCH", f"/{key.task_id}/complete")


def delete_task(key: TaskKey) -> Request:
    """Return the request that deletes a task."""
    return Request(key.user_id, "DELETE", f"/{key.task_id}")


def format_line(request: Request, token: str) -> str:
    """Return the request as a line of the file that `requests.lua` reads; the token is empty where none is needed."""
    body = "" if request.body is None else json.dumps(request.body)
    return f"{request.method}\t{request.target}\t{token}\t{body}\n"
