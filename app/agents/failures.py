"""What can go wrong, in sentences that a model can act on: what happened, whether anything changed, what to do now."""

from typing import Any

NOT_REACHABLE = (
    "The task service can't be reached, so nothing was read or changed. Tell the user that it seems to be down, and try"
    " again later."
)
NO_ANSWER = "The task service did not answer, so it is not known whether the change was made."
LOOK_FIRST = "Look with list_tasks before you repeat the call."
NO_CHANGE = "Nothing was changed."
TOKENS = {
    "Token has expired": "The access token has expired.",
    "Not authenticated": "No access token was given, and the task service needs one.",
}
FORBIDDEN = {
    "Task limit reached": "The user has as many tasks as are allowed. Nothing was added or changed. Ask the user which"
    " tasks may be deleted; completed ones count as well.",
    "Access forbidden": "The access token belongs to another user, so nothing was read or changed. Repeating the call"
    " does not help: the user has to correct the settings of this connection.",
}


class Refused(Exception):
    """A call has failed; the text is for the model. It holds nothing that the service's users wrote."""


class Unclear(Refused):
    """A change has failed, or was made all the same; the answer does not tell."""

    def __init__(self, what: str, remedy: str = LOOK_FIRST) -> None:
        super().__init__(f"{what} {remedy}")
        self.what = what


class TaskUnknown(Exception):
    """The caller has no such task."""


class VersionOutdated(Exception):
    """The task has changed since the version that was seen."""

    def __init__(self, task_id: str) -> None:
        self.task_id = task_id


class SeveralMatch(Exception):
    """The words match several tasks, of which `tasks` are the first."""

    def __init__(self, tasks: list[dict[str, Any]]) -> None:
        self.tasks = tasks


def describe(  # noqa: PLR0911 -- One for each status.
    status: int, detail: Any, retry_after: str | None, *, may_change: bool
) -> Refused:
    """Return what an error of the API means. `may_change` tells whether the request was to change something."""
    pause = f"Wait {retry_after} s, and then" if retry_after else "Wait a moment, and then"
    match status:
        case 401:
            why = TOKENS.get(detail, "The access token is not valid.")
            return Refused(
                f"{why} Nothing was read or changed. Repeating the call does not help: the user has to sign in again,"
                " or to give this connection a new token."
            )
        case 403:
            return Refused(
                FORBIDDEN.get(detail, f"The task service refuses this connection: {detail or status}. {NO_CHANGE}")
            )
        case 413:
            return Refused(f"The texts are too long for the task service. {NO_CHANGE} Shorten them and call again.")
        case 422 if isinstance(detail, list):
            faults = "; ".join(_describe_fault(fault) for fault in detail)
            return Refused(
                f"The task service refuses the arguments: {faults}. {NO_CHANGE} Correct them and call again."
            )
        case 429:
            return Refused(f"Too many requests. {NO_CHANGE} {pause} repeat the call.")
        case 503:
            what = "The task service can't reach its database now, or is too busy."
            if may_change:
                return Unclear(f"{what} It is not certain that nothing was changed. {pause} try again.")
            return Refused(f"{what} Nothing was read. {pause} repeat the call.")
    what = f"The task service failed with the status {status}."
    is_unclear = may_change and status >= 500  # noqa: PLR2004 -- RFC 9110, section 15.6
    return Unclear(what) if is_unclear else Refused(f"{what} Tell the user; repeating the call may not help.")


def _describe_fault(fault: dict[str, Any]) -> str:
    """Return the field and what is wrong with it, by the name that the tool has for it."""
    name = ".".join(str(part) for part in fault["loc"][1:]) or str(fault["loc"][0])
    if name == "Idempotency-Key":
        return "request_id: it was used for another task; make up a new one"
    return f"{name}: {fault['msg']}"
