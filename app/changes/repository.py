"""What happened to a user's tasks since a token."""

import re
from dataclasses import dataclass
from typing import Any

from app.changes import statements
from app.database.session import fetch_all
from app.exceptions import SyncTokenExpired
from app.tasks.repository import EMPTY_TAG, count_old_tasks, make_tag
from app.tasks.rows import make_tasks

NUMBER = "0|[1-9][0-9]*"
TOKEN = re.compile(
    f"(?P<epoch>[A-Za-z0-9._~-]+?)-(?P<reached>{NUMBER})(?:-(?P<began>{NUMBER})-(?P<newest>{NUMBER}))?", re.ASCII
)
NOTHING = -1  # reached, before the first version
BIGINT_MAX = 2**63 - 1


@dataclass(frozen=True)
class Token:
    """Up to which version of which epoch a client has the changes, and where its run of pages began.

    `newest` is the version that the user had at the page before; `is_inside` tells that the run has more pages.
    """

    text: str
    epoch: str | None
    reached: int
    began: int | None
    newest: int
    is_inside: bool


FROM_THE_START = Token(EMPTY_TAG, None, NOTHING, None, NOTHING, is_inside=False)


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
    reached, began, newest = (_read_number(match[name] or match["reached"]) for name in ("reached", "began", "newest"))
    return Token(text, match["epoch"], reached, began, newest, is_inside=match["began"] is not None)


def list_changes(user_id: str, token: Token, limit: int, view: str) -> Changes:
    """Return the changes after the token, at least one page of them.

    Where the token is beyond the newest change, which a replica that lags may not have yet, there are none, and the
    token stays. So it is where the page before came from a newer state: another page might have tasks that were deleted
    before the run of pages began, and would lack those that the page before has left to later ones.
    Raises `SyncTokenExpired` where the token is of another epoch, or deletions since then may be forgotten.
    """
    parameters = {"owner": user_id, "reached": token.reached, "began": token.began, "most": limit}
    rows = fetch_all(user_id, statements.CHANGES[view], parameters)
    epoch, version, purged = rows[0][:3]
    changes = [row[3:] for row in rows if row[3] is not None]
    if epoch is None and changes and count_old_tasks(user_id):
        return list_changes(user_id, token, limit, view)
    if token.epoch is not None and (epoch != token.epoch or (token.began or 0) < purged):
        raise SyncTokenExpired()
    if version is not None and version < max(token.reached, token.newest):
        return Changes([], [], token.text, token.is_inside)
    tasks = make_tasks(user_id, [row[2:] for row in changes if not row[1]], view)
    deleted = [row[2] for row in changes if row[1]]
    if epoch is None:
        return Changes(tasks, [], make_tag(None, None, has_tasks=bool(tasks)), False)
    last = changes[-1][0] if changes else version
    if len(changes) >= limit and last < version:
        began = version if token.began is None else token.began
        return Changes(tasks, deleted, f"{epoch}-{last}-{began}-{version}", True)
    return Changes(tasks, deleted, make_tag(epoch, version), False)


def _read_number(digits: str) -> int:
    """Return a version; one that PostgreSQL's bigint can't hold is as far beyond all others as the largest."""
    return min(int(digits[:20]), BIGINT_MAX)
