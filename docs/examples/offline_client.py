"""A small client that works offline: docs/synchronization.md as code.

    tasks = OfflineTasks("alice.db", "https://tasks.example.com", "alice", token)
    task_id = tasks.add("Buy milk", due_date="2026-03-01")  # works offline
    tasks.synchronize()
    for edit, theirs in tasks.conflicts():
        tasks.resolve(edit, keep_mine=True)

Edits are written to an outbox in SQLite before anything is sent, so they survive a lost connection, a lost answer and
a restart of the program.
"""

import json
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import requests

Task = dict[str, Any]

# What a client may change, with the values of a new task.
FIELDS: Task = {"title": "", "description": None, "completed": False, "priority": None, "due_date": None}
FIELDS |= {"time_zone": None, "tags": [], "recurrence": None, "recurrence_from": "due"}
SCHEMA = """
CREATE TABLE IF NOT EXISTS tasks (id TEXT PRIMARY KEY, version INTEGER, task TEXT);
CREATE TABLE IF NOT EXISTS outbox (number INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT, task_id TEXT, key TEXT,
                                   problem TEXT, base TEXT, changes TEXT);
CREATE TABLE IF NOT EXISTS token (token TEXT);
"""
PAGE = 1000  # tasks and deletions in one answer, at most
ATTEMPTS = 5  # while the service says that it is busy


@dataclass
class Edit:
    """An edit in the outbox. `base` is the task as the user saw it; `problem` says why the edit can't be sent."""

    number: int
    kind: str  # "create", "change" or "delete"
    task_id: str
    key: str
    problem: str | None
    base: Task
    changes: Task


class OfflineTasks:
    """The tasks of one user: a copy of the service's, and an outbox of edits, in a file that is for this user only."""

    def __init__(self, file: str, url: str, user_id: str, token: str | None = None) -> None:
        self.store = sqlite3.connect(file)
        self.store.executescript(SCHEMA)
        self.url = f"{url}/api/{quote(user_id, safe='')}"
        self.http = requests.Session()
        if token:
            self.http.headers["Authorization"] = f"Bearer {token}"

    # What the user does. None of it needs the service.

    def tasks(self) -> dict[str, Task]:
        """Return the tasks as the user sees them: the service's, with the edits of the outbox on top."""
        tasks = {id_: json.loads(task) for id_, task in self.store.execute("SELECT id, task FROM tasks ORDER BY id")}
        for edit in self.outbox():
            if edit.kind == "delete":
                tasks.pop(edit.task_id, None)
            else:
                tasks[edit.task_id] = {**edit.base, **tasks.get(edit.task_id, {}), **edit.changes, "id": edit.task_id}
        return tasks

    def add(self, title: str, **fields: Any) -> str:
        """Add a task and return its id, which the service replaces when it gets the task.

        Give values in the form in which the service answers them, because they are compared with its answers.
        """
        return self._queue("create", f"local-{uuid4()}", FIELDS, {"title": title.strip(), **fields})

    def change(self, task_id: str, **changes: Any) -> None:
        """Change these fields of a task."""
        self._queue("change", task_id, self.tasks()[task_id], changes)

    def delete(self, task_id: str) -> None:
        """Delete a task."""
        self._queue("delete", task_id, self.tasks()[task_id], {})

    def conflicts(self) -> Iterator[tuple[Edit, Task | None]]:
        """Give each edit that can't be sent, and the service's task, or None where it has none, to show them both."""
        return ((edit, self._copy(edit.task_id)) for edit in self.outbox() if edit.problem)

    def resolve(self, edit: Edit, *, keep_mine: bool) -> None:
        """Have an edit with a problem sent after all, over what others changed, or give it up."""
        theirs = self._copy(edit.task_id)
        with self.store:
            if not keep_mine:
                self.store.execute("DELETE FROM outbox WHERE number = ?", (edit.number,))
                return
            kind, changes = edit.kind, edit.changes
            if theirs is None:  # It was deleted elsewhere, so the edit becomes a new task.
                kind, changes = "create", {name: {**edit.base, **edit.changes}[name] for name in FIELDS}
            values = (kind, str(uuid4()), json.dumps(theirs or FIELDS), json.dumps(changes), edit.number)
            set_values = "SET kind = ?, key = ?, base = ?, changes = ?, problem = NULL"
            self.store.execute(f"UPDATE outbox {set_values} WHERE number = ?", values)

    # What the service is asked.

    def synchronize(self) -> None:
        """Send the outbox, then catch up. Raises `requests.RequestException`; what was not sent stays in the outbox.

        The order matters: a repeated creation gets the first answer, and what happened since comes with the changes.
        """
        self._push()
        self._pull()

    def _push(self) -> None:
        for number in [edit.number for edit in self.outbox()]:
            outbox = self.outbox()  # It is read again, because the task of an edit may have its id by now.
            edit = next(each for each in outbox if each.number == number)
            first = next(each for each in outbox if each.task_id == edit.task_id)
            if edit.problem or edit is not first:
                continue  # An edit waits for the earlier ones of its task.
            with self.store:  # The answer is kept, and the edit leaves the outbox, in one transaction.
                problem = self._create(edit) if edit.kind == "create" else self._change(edit)
                if problem:
                    self.store.execute("UPDATE outbox SET problem = ? WHERE number = ?", (problem, number))
                else:
                    self.store.execute("DELETE FROM outbox WHERE number = ?", (number,))

    def _create(self, edit: Edit) -> str | None:
        """Send a creation, and return what is wrong with it. With its key, it can be repeated and acts once."""
        answer = self._ask("POST", "/tasks", json=edit.changes, headers={"Idempotency-Key": edit.key})
        if answer.ok:  # Later edits of the task get its id, too.
            self.store.execute("UPDATE outbox SET task_id = ? WHERE task_id = ?", (answer.json()["id"], edit.task_id))
        return self._keep_answer(edit.task_id, answer)

    def _change(self, edit: Edit) -> str | None:
        """Send a change or a deletion, and return what is wrong with it.

        Changes are merged field by field: only a field that was changed both here and elsewhere is a conflict.
        """
        path = f"/tasks/{edit.task_id}"
        while (theirs := self._copy(edit.task_id)) is not None:
            left = {name: value for name, value in edit.changes.items() if theirs[name] != value}
            if edit.kind == "change" and not left:
                return None  # It arrived before, and its answer was lost; or somebody else made the same change.
            if both := [name for name in (left or FIELDS) if theirs[name] != edit.base[name]]:
                return f"changed elsewhere: {', '.join(both)}"
            method, body = ("PUT", left) if edit.kind == "change" else ("DELETE", None)
            answer = self._ask(method, path, json=body, headers={"If-Match": f'"{theirs["version"]}"'})
            if answer.status_code in (404, 412):  # Somebody else was faster: merge again, with what is there now.
                self._keep_answer(edit.task_id, self._ask("GET", path))
            else:
                return self._keep_answer(edit.task_id, answer)
        return "deleted elsewhere" if edit.kind == "change" else None

    def _pull(self) -> None:
        has_more = True
        while has_more:
            row = self.store.execute("SELECT token FROM token").fetchone()
            answer = self._ask("GET", "/changes", params={"since": row and row[0], "limit": PAGE})
            with self.store:  # A page and its token are kept together.
                self.store.execute("DELETE FROM token")
                if answer.status_code == 410:
                    continue  # Start anew, without a token. The outbox stays.
                answer.raise_for_status()
                changes = answer.json()
                if row is None:
                    self.store.execute("DELETE FROM tasks")  # What comes is everything.
                for task in changes["tasks"]:
                    self._keep(task)
                for task_id in changes["deleted"]:
                    self._forget(task_id)
                self.store.execute("INSERT INTO token VALUES (?)", (changes["token"],))
            has_more = changes["has_more"]

    def _ask(self, method: str, path: str, params: Task | None = None, **options: Any) -> requests.Response:
        """Send a request; while the service is busy, again when it says. Raises for what is no fault of the edit."""
        for _ in range(ATTEMPTS):
            query = {"view": "full", **(params or {})}
            answer = self.http.request(method, self.url + path, params=query, timeout=30, **options)
            if answer.status_code not in (429, 503):
                break
            time.sleep(float(answer.headers.get("Retry-After", 1)))
        unknown_route = answer.status_code == 404 and "Task not found" not in answer.text
        if answer.status_code in (401, 429) or answer.status_code >= 500 or unknown_route:
            answer.raise_for_status()
        return answer

    # What is kept.

    def outbox(self) -> list[Edit]:
        """Return the edits that are not sent yet, oldest first."""
        rows = self.store.execute("SELECT * FROM outbox ORDER BY number").fetchall()
        return [Edit(*row[:-2], *map(json.loads, row[-2:])) for row in rows]

    def _queue(self, kind: str, task_id: str, base: Task, changes: Task) -> str:
        values = (kind, task_id, str(uuid4()), json.dumps(base), json.dumps(changes))
        with self.store:
            self.store.execute("INSERT INTO outbox VALUES (NULL, ?, ?, ?, NULL, ?, ?)", values)
        return task_id

    def _copy(self, task_id: str) -> Task | None:
        row = self.store.execute("SELECT task FROM tasks WHERE id = ?", (task_id,)).fetchone()
        return json.loads(row[0]) if row else None

    def _keep_answer(self, task_id: str, answer: requests.Response) -> str | None:
        """Keep what an answer says of a task, and return what is wrong, if anything is."""
        if answer.status_code == 404 or (answer.ok and answer.request.method == "DELETE"):
            self._forget(task_id)
        elif answer.ok:
            self._keep(answer.json())
        else:
            return answer.text
        return None

    def _keep(self, task: Task) -> None:
        """Keep the service's task, unless a newer version is here: a replica that answers may lag."""
        newest = self.store.execute("SELECT max(version) FROM tasks WHERE id = ?", (task["id"],)).fetchone()[0]
        if newest is None or newest <= task["version"]:
            values = (task["id"], task["version"], json.dumps(task))
            self.store.execute("INSERT OR REPLACE INTO tasks VALUES (?, ?, ?)", values)

    def _forget(self, task_id: str) -> None:
        self.store.execute("DELETE FROM tasks WHERE id = ?", (task_id,))
