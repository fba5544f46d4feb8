"""A client that speaks HTTP to a service, and knows nothing else of it."""

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import jwt
import requests
from requests.auth import AuthBase

from tests.support.waiting import DEADLINE

FIELDS = {"id", "user_id", "title", "description", "completed", "created_at", "updated_at"}  # of a task


class Bearer(AuthBase):
    """Sends a token with each request, signed with the secret for the user in the path."""

    def __init__(self, secret: str) -> None:
        self.secret = secret

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        _, *segments = urlsplit(str(request.url)).path.split("/")
        user_id = unquote(segments[1]) if segments[0] == "api" and len(segments) > 1 else "nobody"
        token = jwt.encode({"sub": user_id, "exp": int(time.time()) + 900}, self.secret, algorithm="HS256")
        request.headers["Authorization"] = f"Bearer {token}"
        return request


class Client:
    """A client of the service at that URL. It keeps its connections, and follows no redirects.

    With the secret of a service that asks for tokens, it acts for each user whom it names.
    """

    def __init__(self, url: str, secret: str | None = None) -> None:
        self.url = url
        self.secret = secret
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.auth = Bearer(secret) if secret else None

    def request(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        return self.session.request(method, self.url + path, timeout=DEADLINE, allow_redirects=False, **kwargs)

    def get(self, path: str) -> requests.Response:
        return self.request("GET", path)

    def of(self, user_id: str) -> "Tasks":
        """Return the tasks of that user."""
        return Tasks(self, user_id)


class Tasks:
    """The endpoints, for one user."""

    def __init__(self, client: Client, user_id: str) -> None:
        self.client = client
        self.user_id = user_id
        self.path = f"/api/{quote(user_id, safe='')}/tasks"

    def apart(self) -> "Tasks":
        """Return the tasks of the same user over connections of their own: a session is not for several threads."""
        return Client(self.client.url, self.client.secret).of(self.user_id)

    def send(self, method: str, where: str = "", body: Any = None, **headers: str) -> requests.Response:
        """Send any request about the tasks, or what is below; `_` in the name of a header stands for `-`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.request(method, self.path + where, json=body, headers=named)

    def changes(self, query: str = "") -> requests.Response:
        return self.client.request("GET", self.path.removesuffix("tasks") + "changes" + query)

    def export(self, format: str = "", method: str = "GET", **kwargs: Any) -> requests.Response:  # noqa: A002 -- the API's
        query = f"?format={format}" if format else ""
        return self.client.request(method, f"{self.path.removesuffix('tasks')}export{query}", **kwargs)

    def erase(self, if_match: str | None) -> requests.Response:
        headers = {} if if_match is None else {"If-Match": if_match}
        return self.client.request("DELETE", self.path.removesuffix("/tasks"), headers=headers)

    def list_tasks(self) -> requests.Response:
        return self.client.request("GET", self.path)

    def post(self, body: Any) -> requests.Response:
        return self.client.request("POST", self.path, json=body)

    def get(self, task_id: str) -> requests.Response:
        return self.client.request("GET", f"{self.path}/{task_id}")

    def put(self, task_id: str, body: Any) -> requests.Response:
        return self.client.request("PUT", f"{self.path}/{task_id}", json=body)

    def patch(self, task_id: str, body: Any) -> requests.Response:
        return self.client.request("PATCH", f"{self.path}/{task_id}", json=body)

    def complete(self, task_id: str, **kwargs: Any) -> requests.Response:
        return self.client.request("PATCH", f"{self.path}/{task_id}/complete", **kwargs)

    def delete(self, task_id: str) -> requests.Response:
        return self.client.request("DELETE", f"{self.path}/{task_id}")

    def create(self, title: str = "Buy milk", **fields: Any) -> dict[str, Any]:
        """Create a task and return it."""
        response = self.post({"title": title, **fields})
        assert response.status_code == 201, response.text
        task: dict[str, Any] = response.json()
        return task

    def create_in_full(self, title: str = "Buy milk", **fields: Any) -> dict[str, Any]:
        """Create a task in the full view, and return it."""
        response = self.send("POST", "?view=full", {"title": title, **fields})
        assert response.status_code == 201, response.text
        task: dict[str, Any] = response.json()
        return task

    def put_in_full(self, task_id: str, **fields: Any) -> requests.Response:
        """Change fields of the full view."""
        return self.send("PUT", f"/{task_id}?view=full", fields)

    def all_in_full(self) -> list[dict[str, Any]]:
        """Return all tasks in the full view."""
        response = self.send("GET", "?view=full")
        assert response.status_code == 200, response.text
        tasks: list[dict[str, Any]] = response.json()
        return tasks

    def all(self) -> list[dict[str, Any]]:
        """Return all tasks."""
        response = self.list_tasks()
        assert response.status_code == 200, response.text
        tasks: list[dict[str, Any]] = response.json()
        return tasks


def is_json(response: requests.Response) -> bool:
    """Tell whether an answer says that it is JSON."""
    return response.headers.get("Content-Type", "").partition(";")[0] == "application/json"


def token_of(a_list: requests.Response) -> str:
    """Return the ETag of a list as a token: without quotes, and without `W/`, which proxies that compress put there."""
    return a_list.headers["ETag"].removeprefix("W/").strip('"')


# Each kind of request once, of a user about a task.
REQUESTS: dict[str, Callable[[Tasks, str], Any]] = {
    "list": lambda tasks, task_id: tasks.list_tasks(),
    "create": lambda tasks, task_id: tasks.post({"title": "Buy milk"}),
    "read": lambda tasks, task_id: tasks.get(task_id),
    "change": lambda tasks, task_id: tasks.put(task_id, {"title": "Changed", "description": None}),
    "change nothing": lambda tasks, task_id: tasks.put(task_id, {}),
    "patch": lambda tasks, task_id: tasks.patch(task_id, {"title": "Changed", "description": None}),
    "flip": lambda tasks, task_id: tasks.complete(task_id),
    "set": lambda tasks, task_id: tasks.complete(task_id, json={"completed": True}),
    "delete": lambda tasks, task_id: tasks.delete(task_id),
}
