"""The check before the measurement: all servers give the same answers to the same requests."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.comparison.conversation import Answer, Conversation
from benchmarks.harness.database import Database
from benchmarks.harness.servers import OURS, Server, run_server

ALICE, BOB = "alice", "bob"
UNKNOWN = "/019be525-857b-774b-8b5e-5d2f8a6c3e10"

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
INVALID_COMPLETIONS: tuple[Any, ...] = ({"completed": None}, {"completed": "yes"}, [])


class Disagreement(SystemExit):
    """Two servers answer the same request differently, so their speeds can't be compared."""


def check_agreement(database: Database, servers: Iterable[Server], directory: Path) -> None:
    """Send the same requests to every server, with its log in the directory, and compare the answers.

    Raises `Disagreement` with both answers where they differ.
    """
    expected = _collect_answers(database, OURS, directory)
    for server in servers:
        answers = expected if server is OURS else _collect_answers(database, server, directory)
        wanted = expected if server.validates else [pair for pair in expected if pair[1].status != 422]
        for (question, right), (_, given) in zip(wanted, answers, strict=True):
            if given != right:
                raise Disagreement(f"{question}\n{OURS.name} answers\n  {right}\n{server.name} answers\n  {given}")


def _collect_answers(database: Database, server: Server, directory: Path) -> list[tuple[str, Answer]]:
    database.clear()
    with run_server(server, database, directory / f"{server.key}.log") as running:
        conversation = Conversation(running)
        _send_requests(conversation, invalid=server.validates)
    return conversation.answers


def _send_requests(conversation: Conversation, *, invalid: bool) -> None:
    """Send every kind of request that is measured, and those that fail; invalid bodies only where `invalid`."""
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
        _send_invalid_bodies(conversation, task)
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


def _send_invalid_bodies(conversation: Conversation, task: str) -> None:
    for body in INVALID_TASKS:
        conversation.ask(ALICE, "POST", "", body)
    for body in INVALID_CHANGES:
        conversation.ask(ALICE, "PUT", task, body)
    for body in INVALID_COMPLETIONS:
        conversation.ask(ALICE, "PATCH", f"{task}/complete", body)
