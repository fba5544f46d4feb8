"""Requests to one server, and its answers with placeholders for ids and times."""

import re
from dataclasses import dataclass
from typing import Any

from benchmarks.harness.api import Request
from benchmarks.harness.servers import RunningServer

UUID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\b")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


@dataclass(frozen=True)
class Answer:
    """What a server has answered, with placeholders for ids and times."""

    status: int
    content_type: str
    location: str | None
    body: Any


class Placeholders:
    """Placeholders for values that differ from server to server: the same value gets the same placeholder."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], str] = {}

    def replace(self, kind: str, value: str) -> str:
        """Return the placeholder of a value of that kind."""
        number = sum(known == kind for known, _ in self._known) + 1
        return self._known.setdefault((kind, value), f"<{kind} {number}>")

    def replace_ids(self, text: str) -> str:
        """Return the text with placeholders for ids."""
        return UUID.sub(lambda match: self.replace("id", match[0]), text)

    def replace_in(self, body: Any) -> Any:
        """Return the body with placeholders for well-formed ids and times; others stay, and differ."""
        if isinstance(body, list):
            return [self.replace_in(value) for value in body]
        if not isinstance(body, dict):
            return body
        replaced = dict(body)
        for field in ("id", "created_at", "updated_at"):
            pattern = UUID if field == "id" else TIME
            if isinstance(body.get(field), str) and pattern.fullmatch(body[field]):
                replaced[field] = self.replace(field, body[field])
        return replaced


class Conversation:
    """Sends requests to one server; `answers` has each request as text, with its answer."""

    def __init__(self, running: RunningServer) -> None:
        self._running = running
        self._placeholders = Placeholders()
        self.answers: list[tuple[str, Answer]] = []

    def ask(self, user_id: str, method: str, path: str = "", body: Any = None) -> Any:
        """Send a request, with a path below `/api/{user_id}/tasks`, and return the body of the answer."""
        target = Request(user_id, method, path).target
        response = self._running.client.request(method, target, json=body)
        content_type = response.headers.get("Content-Type", "").partition(";")[0]
        parsed = response.json() if content_type == "application/json" else response.text
        location = response.headers.get("Location")
        answer = Answer(
            response.status_code,
            content_type,
            location and self._placeholders.replace_ids(location),
            # Each framework describes an invalid body in its own words.
            self._placeholders.replace_in(parsed) if response.status_code != 422 else None,
        )
        question = f"{method} {self._placeholders.replace_ids(target)} {'' if body is None else body}"
        self.answers.append((question[:200].rstrip(), answer))
        return parsed
