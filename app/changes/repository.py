"""What happened to a user's tasks since a token."""

import re
from dataclasses import dataclass
from typing import Any

from app.changes import statements
from app.database.session import fetch_all
from app.exceptions import SyncTokenExpired
from app.tasks.repository import EMPTY_TAG, count_old_tasks, make_tag, make_task

NUMBER = "0|[1-9][0-9]{0,17}"
TOKEN = re.compile(f"(?P<epoch>[0-9a-f]{{16}})-(?P<reached>{NUMBER})(?:-(?P<began>{NUMBER}))?", re.ASCII)
NOTHING = -1  # reached, before the first version


@dataclass(frozen=True)
class Token:
    """Up to which version of which epoch a client has the changes, and where its run of pages began."""

    epoch: str | None
    reached: int
    began: int | None


FROM_THE_START = Token(None, NOTHING, None)


@dataclass(frozen=True)
class Changes:
    """A page of changes: tasks as they are now, ids of deleted ones, and the token to go on with."""

    tasks: list[dict[str, Any]]
    deleted: list[str]
    token: str
    has_more: bool


def read_token(text: str | None) -> Token | None:
    """Return what a token means, or None where it is none. No text, or the tag of an empty user, is the start."""
    if text is None or text == EMPTY_TAG:
        return FROM_THE_START
    match = TOKEN.fullmatch(text)
    if match is None:
        return None
    reached = int(match["reached"])
    return Token(match["epoch"], reached, int(match["began"]) if match["began"] else reached)


def list_changes(user_id: str, token: Token, limit: int, view: str) -> Changes:
    """Return the changes after the token, at least one page of them.

    Raises `SyncTokenExpired` where the token is of another epoch, or deletions since then may be forgotten.
    """
    parameters = {"owner": user_id, "reached": token.reached, "began": token.began, "most": limit}
    rows = fetch_all(user_id, statements.CHANGES[view], parameters)
    epoch, version, purged = rows[0][:3]
    changes = [row[3:] for row in rows if row[3] is not None]
    if epoch is None and changes:
        count_old_tasks(user_id)
        return list_changes(user_id, token, limit, view)
    if token.epoch is not None and (epoch != token.epoch or (token.began or 0) < purged):
        raise SyncTokenExpired()
    tasks = [make_task(row[2:], view) for row in changes if not row[1]]
    deleted = [row[2] for row in changes if row[1]]
    if epoch is None:
        return Changes([], [], EMPTY_TAG, False)
    last = changes[-1][0] if changes else version
    if len(changes) >= limit and last < version:
        began = version if token.began is None else token.began
        return Changes(tasks, deleted, f"{epoch}-{last}-{began}", True)
    return Changes(tasks, deleted, make_tag(epoch, max(version, token.reached)), False)
