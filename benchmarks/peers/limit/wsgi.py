"""The limit: how fast this API can be in Python, with nothing but gunicorn, psycopg2 and orjson.

One regular expression finds the task and one statement does the work. There is no validation, no log, and no lock that
correct answers do not need. It is a reference for measurements, not a service. The harness starts it with the worker
class of this service, and with gunicorn's own:

    python -m gunicorn --worker-class gthread --bind 127.0.0.1:$PORT --workers $WORKERS --threads $POOL wsgi:application
"""

import os
import re
from collections.abc import Callable, Iterable
from threading import local
from typing import Any

import orjson
import psycopg2

FIELDS = ("id", "user_id", "title", "description", "completed", "created_at", "updated_at")
TIME = """to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
COLUMNS = f"id::text, user_id, title, description, completed, {TIME.format('created_at')}, {TIME.format('updated_at')}"
THIS_TASK = "WHERE user_id = $1 AND id = $2"
CHANGE = f"UPDATE tasks SET {{}}, updated_at = clock_timestamp() {THIS_TASK} RETURNING {COLUMNS}"

LIST, GET, ADD, UPDATE, FLIP, SET, DELETE = "list", "get", "add", "update", "flip", "set", "delete"
STATEMENTS = {
    LIST: f"SELECT {COLUMNS} FROM tasks WHERE user_id = $1 ORDER BY id",
    GET: f"SELECT {COLUMNS} FROM tasks {THIS_TASK}",
    ADD: f"INSERT INTO tasks (user_id, title, description, completed) VALUES ($1, $2, $3, $4) RETURNING {COLUMNS}",
    UPDATE: CHANGE.format(
        "title = coalesce($3, title), description = CASE WHEN $4 THEN $5 ELSE description END,"
        " completed = coalesce($6, completed)"
    ),
    FLIP: CHANGE.format("completed = NOT completed"),
    SET: CHANGE.format("completed = $3"),
    DELETE: f"DELETE FROM tasks {THIS_TASK} RETURNING id",
}

PATH = re.compile(r"/api/([^/]+)/tasks(?:/([0-9a-f-]{36})(/complete)?)?")
TASK_NOT_FOUND = ("404 Not Found", {"detail": "Task not found"})

Answer = tuple[str, Any]
threads = local()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer one request (PEP 3333)."""
    match = PATH.fullmatch(environ["PATH_INFO"])
    if match is None:
        status, answer = TASK_NOT_FOUND
    else:
        user_id, task_id, complete = match.groups()
        status, answer = VIEWS[environ["REQUEST_METHOD"], bool(task_id), bool(complete)](environ, user_id, task_id)
    body = orjson.dumps(answer)
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    if status.startswith("201"):
        headers.append(("Location", f"/api/{user_id}/tasks/{answer['id']}"))
    start_response(status, headers)
    return [body]


def rows(statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """Run a prepared statement on the connection of this thread."""
    connection = getattr(threads, "connection", None)
    if connection is None:
        connection = threads.connection = psycopg2.connect(os.environ["DATABASE_URL"])
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("; ".join(f"PREPARE {name} AS {sql}" for name, sql in STATEMENTS.items()))
    with connection.cursor() as cursor:
        cursor.execute(f"EXECUTE {statement}({', '.join(['%s'] * len(values))})", values)
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found


def one(statement: str, *values: Any) -> Answer:
    """Answer with the row that the statement returns, or with 404."""
    found = rows(statement, *values)
    return ("200 OK", dict(zip(FIELDS, found[0], strict=True))) if found else TASK_NOT_FOUND


def body_of(environ: dict[str, Any]) -> dict[str, Any]:
    """Return the body of the request."""
    body: dict[str, Any] = orjson.loads(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)) or b"{}")
    if "title" in body:
        body["title"] = body["title"].strip()
    return body


def list_tasks(_environ: dict[str, Any], user_id: str, _task_id: str) -> Answer:
    """List every task of the user."""
    return "200 OK", [dict(zip(FIELDS, row, strict=True)) for row in rows(LIST, user_id)]


def create_task(environ: dict[str, Any], user_id: str, _task_id: str) -> Answer:
    """Create a task."""
    body = body_of(environ)
    _, task = one(ADD, user_id, body["title"], body.get("description"), body.get("completed", False))
    return "201 Created", task


def get_task(_environ: dict[str, Any], user_id: str, task_id: str) -> Answer:
    """Return one task."""
    return one(GET, user_id, task_id)


def update_task(environ: dict[str, Any], user_id: str, task_id: str) -> Answer:
    """Change the fields that are sent."""
    body = body_of(environ)
    if not body.keys() & {"title", "description", "completed"}:
        return one(GET, user_id, task_id)
    title, description, completed = body.get("title"), body.get("description"), body.get("completed")
    return one(UPDATE, user_id, task_id, title, "description" in body, description, completed)


def complete_task(environ: dict[str, Any], user_id: str, task_id: str) -> Answer:
    """Flip `completed`, or set it."""
    body = body_of(environ)
    return one(SET, user_id, task_id, body["completed"]) if body else one(FLIP, user_id, task_id)


def delete_task(_environ: dict[str, Any], user_id: str, task_id: str) -> Answer:
    """Remove a task for good."""
    return ("200 OK", {"message": "Task deleted successfully"}) if rows(DELETE, user_id, task_id) else TASK_NOT_FOUND


VIEWS = {
    ("GET", False, False): list_tasks,
    ("POST", False, False): create_task,
    ("GET", True, False): get_task,
    ("PUT", True, False): update_task,
    ("PATCH", True, True): complete_task,
    ("DELETE", True, False): delete_task,
}
