"""The check before the clock starts: every server gives the same answers to the same requests."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.comparison.seed import Database
from benchmarks.harness.servers import OURS, Running, Server, running
from tests.service import Client

ALICE, BOB = "alice", "bob"
UNKNOWN = "/019be525-857b-774b-8b5e-5d2f8a6c3e10"
UUID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\b")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")

INVALID_TASKS: tuple[Any, ...] = (
    {},
    {"title": ""},
    {"title": "   "},
    {"title": None},
    {"title": 5},
    {"title": "x" * 501},
    {"title": "x", "description": 5},
    {"title": "x", "description": "x" * 5001},
    {"title": "x", "completed": None},
    {"title": "x", "completed": "yes"},
    {"title": "x", "completed": 1},
    [],
)
INVALID_CHANGES: tuple[Any, ...] = ({"title": " "}, {"title": None}, {"completed": None}, {"completed": 0}, [])
INVALID_COMPLETIONS: tuple[Any, ...] = ({}, {"completed": None}, {"completed": "yes"}, [])


class Disagreement(SystemExit):
    """Two servers answer the same request otherwise, so their speeds can't be compared. Tells both answers."""


@dataclass(frozen=True)
class Answer:
    """What came back, with names in place of ids and times."""

    status: int
    content_type: str
    location: str | None
    body: Any


class Names:
    """Names for values that differ from server to server: the same value has the same name."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], str] = {}

    def name(self, kind: str, value: str) -> str:
        """Return the name of a value of that kind."""
        number = sum(known == kind for known, _ in self._known) + 1
        return self._known.setdefault((kind, value), f"<{kind} {number}>")

    def ids_in(self, text: str) -> str:
        """Return the text with names in place of ids."""
        return UUID.sub(lambda match: self.name("id", match[0]), text)

    def of(self, body: Any) -> Any:
        """Return the body with names in place of what has the shape of an id or of a time."""
        if isinstance(body, list):
            return [self.of(value) for value in body]
        if not isinstance(body, dict):
            return body
        named = dict(body)
        for field in ("id", "created_at", "updated_at"):
            pattern = UUID if field == "id" else TIME
            if isinstance(body.get(field), str) and pattern.fullmatch(body[field]):
                named[field] = self.name(field, body[field])
        return named


class Conversation:
    """What one server was asked, and what it has answered."""

    def __init__(self, server: Running) -> None:
        self._client = Client(server.url)
        self._server = server.server
        self._names = Names()
        self.answers: list[tuple[str, Answer]] = []

    def ask(self, user_id: str, method: str, path: str = "", body: Any = None) -> Any:
        """Send a request, below `/api/{user_id}/tasks`, and return the body of the answer."""
        token = self._server.token(user_id)
        response = self._client.request(
            method,
            f"/api/{user_id}/tasks{path}",
            json=body,
            headers={"Authorization": f"Bearer {token}"} if token else {},
        )
        content_type = response.headers.get("Content-Type", "").partition(";")[0]
        parsed = response.json() if content_type == "application/json" else response.text
        location = response.headers.get("Location")
        answer = Answer(
            response.status_code,
            content_type,
            location and self._names.ids_in(location),
            # The words for what is wrong with a body are those of the framework.
            self._names.of(parsed) if response.status_code != 422 else None,
        )
        question = f"{method} /api/{user_id}/tasks{self._names.ids_in(path)} {'' if body is None else body}"
        self.answers.append((question[:200].rstrip(), answer))
        return parsed

    def close(self) -> None:
        """Close the connection."""
        self._client.session.close()


def check(database: Database, servers: Iterable[Server], directory: Path) -> None:
    """Ask every server the same, write their logs into the directory.

    Raises `Disagreement`.
    """
    expected = _answers(database, OURS, directory)
    for server in servers:
        answers = expected if server is OURS else _answers(database, server, directory)
        wanted = expected if server.validates else [pair for pair in expected if pair[1].status != 422]
        for (question, right), (_, given) in zip(wanted, answers, strict=True):
            if given != right:
                raise Disagreement(f"{question}\n{OURS.name} answers\n  {right}\n{server.name} answers\n  {given}")


def _answers(database: Database, server: Server, directory: Path) -> list[tuple[str, Answer]]:
    database.clear()
    with running(server, database, directory / f"{server.key}.log") as started:
        conversation = Conversation(started)
        try:
            _talk(conversation, invalid=server.validates)
        finally:
            conversation.close()
    return conversation.answers


def _talk(conversation: Conversation, *, invalid: bool) -> None:
    """Ask for everything that is measured, and for what goes wrong; `invalid` bodies only where asked to."""
    ask = conversation.ask
    ask(ALICE, "GET")
    first = ask(ALICE, "POST", "", {"title": " \t Buy milk \n", "description": " kept as sent "})
    ask(ALICE, "POST", "", {"title": "é" * 499 + "😀", "description": None, "completed": True, "id": 1, "color": "red"})
    ask(ALICE, "POST", "", {"title": "x", "description": ""})
    ask(ALICE, "GET")
    ask(BOB, "GET")
    task = f"/{first['id']}"
    ask(ALICE, "GET", task)
    for changes in (
        {},
        {"title": "  Buy bread "},
        {"completed": True},
        {"description": None},
        {"title": "All", "description": "of it", "completed": False},
        {"color": "red"},
    ):
        ask(ALICE, "PUT", task, changes)
        ask(ALICE, "GET", task)
    for completion in (None, None, {"completed": True}, {"completed": True}, {"completed": False}):
        ask(ALICE, "PATCH", f"{task}/complete", completion)
    if invalid:
        _send_what_is_wrong(conversation, task)
    for user_id, path in ((BOB, task), (ALICE, UNKNOWN), (ALICE, "/42")):
        ask(user_id, "GET", path)
        ask(user_id, "PUT", path, {"title": "x"})
        ask(user_id, "PUT", path, {})
        ask(user_id, "PATCH", f"{path}/complete")
        ask(user_id, "PATCH", f"{path}/complete", {"completed": True})
        ask(user_id, "DELETE", path)
    ask(ALICE, "GET", task)
    ask(ALICE, "DELETE", task)
    ask(ALICE, "DELETE", task)
    ask(ALICE, "GET", task)
    ask(ALICE, "GET")


def _send_what_is_wrong(conversation: Conversation, task: str) -> None:
    for body in INVALID_TASKS:
        conversation.ask(ALICE, "POST", "", body)
    for body in INVALID_CHANGES:
        conversation.ask(ALICE, "PUT", task, body)
    for body in INVALID_COMPLETIONS:
        conversation.ask(ALICE, "PATCH", f"{task}/complete", body)
