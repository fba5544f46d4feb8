"""Everything that is kept of one user: reading it, and erasing it."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from app.database.failures import LOCK_NOT_AVAILABLE
from app.database.session import fetch_all
from app.database.snapshot import Snapshot, open_snapshot
from app.exceptions import PreconditionFailed
from app.tasks.repository import UNCOUNTED_TAG, count_old_tasks, make_epoch, make_tag
from app.tasks.rows import Task, make_tasks
from app.transfer import statements
from config import FULL

ATTEMPTS = 4  # at an erasure that others keep from its locks


@dataclass(frozen=True)
class Export:
    """All tasks of a user, in full and oldest first, from one snapshot, of which `token` is the tag of the list."""

    user_id: str
    count: int
    token: str
    time_zones: list[str]
    rows: Snapshot

    def read_tasks(self) -> Iterator[list[Task]]:
        """Give the tasks in batches, once."""
        for batch in self.rows:
            yield make_tasks(self.user_id, batch, FULL)

    def close(self) -> None:
        """Let go of the snapshot. To be called in any case, also when all tasks were read."""
        self.rows.close()


def open_export(user_id: str, *, can_count: bool = True) -> Export:
    """Begin to read all tasks of a user. Raises what `app.database.session.fetch_all` does.

    `can_count` is False where the server only reads, so that old tasks get no tag there.
    """
    head, snapshot = open_snapshot(user_id, statements.EXPORT_HEAD, statements.EXPORT, {"owner": user_id})
    ((epoch, version, count, time_zones),) = head
    tag = make_tag(epoch, version, has_tasks=count > 0)
    if tag == UNCOUNTED_TAG and can_count:
        snapshot.close()
        return open_export(user_id, can_count=count_old_tasks(user_id))
    return Export(user_id, count, tag, time_zones or [], snapshot)


def erase(user_id: str, accepted: list[str] | None) -> None:
    """Erase everything of a user, if the tag of the list is one of these; None accepts any.

    Raises `PreconditionFailed` with the current tag, and what `app.database.session.fetch_all` does.
    """
    parameters = {"owner": user_id, "epoch": make_epoch(), "accepted": accepted}
    for epoch, version in _run_erasure(user_id, parameters):
        raise PreconditionFailed(make_tag(epoch, version))


def _run_erasure(user_id: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Run the erasure, and again where it met a change of a task that waited for it."""
    for _ in range(ATTEMPTS - 1):
        with suppress(LOCK_NOT_AVAILABLE):
            return fetch_all(user_id, statements.ERASE, parameters)
    return fetch_all(user_id, statements.ERASE, parameters)
