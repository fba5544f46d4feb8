"""What can go wrong, in the words of the domain. `app.web.errors` turns each of these into an answer."""

from dataclasses import dataclass


class TaskNotFound(Exception):
    """The user has no task with this id."""

    def __init__(self, task_id: str) -> None:
        super().__init__(task_id)
        self.task_id = task_id


class NotAuthenticated(Exception):
    """The request has no bearer token."""


class InvalidToken(Exception):
    """The request has a bearer token that is forged, malformed, not yet valid, or for another service.

    Why, in the words of its argument, is for the log and not for the client. So it is with the other refusals.
    """


class TokenExpired(Exception):
    """The request has a bearer token whose time is over."""


class AccessForbidden(Exception):
    """The token is valid, but its subject is another user."""


class KeysUnavailable(Exception):
    """The issuer's keys can't be fetched now, so the token can't be verified. After `retry_after` seconds, perhaps."""

    def __init__(self, reason: str, retry_after: int) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with a request: where it is, the sentence for people, and the word for programs."""

    loc: tuple[str, ...]
    msg: str
    type: str


class InvalidRequest(Exception):
    """The request breaks the contract, in all these ways."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__(faults)
        self.faults = faults


class PreconditionFailed(Exception):
    """The task, or the list of the user, has another version than the client wants to change."""

    def __init__(self, version: int | str) -> None:
        super().__init__(version)
        self.version = version


class PreconditionRequired(Exception):
    """The request does not say which version it wants to change."""


class TaskLimitReached(Exception):
    """The user has as many tasks as are allowed."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit


class KeyReused(Exception):
    """An idempotency key was used before, with another request."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


class SyncTokenExpired(Exception):
    """What happened since that token is not known any more."""


class FieldsConflict(Exception):
    """After the change, this field of the task would exclude another one, or lack one that it needs."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field
