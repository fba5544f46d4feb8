"""Which tasks of a user are wanted, in which order, and which part of them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.tasks.columns import SORT_KEYS

ASCENDING, DESCENDING = ("asc", "desc")
BY_CREATION = "created_at"
SORTS = tuple(SORT_KEYS)


@dataclass(frozen=True)
class Criteria:
    """What a list is asked for. A filter that is None leaves nothing out; a position is key and id of a task."""

    view: str
    filters: dict[str, Any]
    sort: str = BY_CREATION
    order: str = ASCENDING
    limit: int | None = None
    skipped: int = 0
    position: tuple[Any, str] | None = None

    @property
    def is_everything(self) -> bool:
        """Whether this is the whole list, oldest first."""
        is_in_order = (self.sort, self.order) == (BY_CREATION, ASCENDING)
        return is_in_order and not self.has_filters and not self.is_part

    @property
    def has_filters(self) -> bool:
        """Whether tasks may be left out that are on no page."""
        return any(value is not None for value in self.filters.values())

    @property
    def is_part(self) -> bool:
        """Whether tasks that match may be on another page."""
        return (self.limit, self.skipped, self.position) != (None, 0, None)

    def bound_to(self, user_id: str) -> list[Any]:
        """Return everything that a cursor depends on."""
        filters = {name: str(value) if isinstance(value, datetime) else value for name, value in self.filters.items()}
        return [user_id, filters, self.sort, self.order]
