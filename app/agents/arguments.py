"""What a model may send to each tool. Titles and descriptions of the fields are all that a model knows of them."""

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

PAGE, PAGE_MAX = 50, 100  # tasks

Priority = Literal["low", "medium", "high"]
Clearable = Literal["description", "due_date", "time_zone", "priority", "tags", "recurrence"]

REFERENCE = (
    "Which task: its `id` as list_tasks returns it, or words of its title, in any letter case and order. The words must"
    " name exactly one task; where several match, nothing is changed and the answer lists them."
)
VERSION = "The `version` of the task as you last saw it. If the task was changed since, nothing is changed."
DUE_DATE = (
    "When the task is due: a date such as 2026-03-01; or a time on the clock such as 2026-03-01T09:00, in `time_zone`"
    " if that is given; or an instant with an offset such as 2026-03-01T09:00:00+01:00 or 2026-03-01T08:00:00Z."
    " Turn words such as 'tomorrow' into a date yourself."
)
TIME_ZONE = "The time zone of a due date with a time, by its IANA name, such as Europe/Berlin. Not with a mere date."
TAGS = "At most 20 tags of at most 50 characters, without #, such as ['home', 'errands']."
RECURRENCE = (
    "How the task repeats; needs a due date. One of daily, weekdays, weekly, monthly, yearly; or an RRULE of RFC 5545,"
    " such as FREQ=WEEKLY;BYDAY=MO,TH or FREQ=MONTHLY;BYMONTHDAY=1 or FREQ=DAILY;INTERVAL=3;UNTIL=20261231."
)
RECURRENCE_FROM = "Whether the next date is counted from the due date (`due`) or from the day it is completed."
BOUND = "a date such as 2026-03-01, which means its midnight in UTC, or a time such as 2026-03-01T09:00:00Z"


def _read_list(value: Any) -> Any:
    """Read a list that was sent as JSON in a string, as some assistants do."""
    if isinstance(value, str):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


class Arguments(BaseModel):
    """The arguments of a tool. A misspelt name must not be ignored: the model would believe that it had an effect."""

    model_config = ConfigDict(extra="forbid")


class ListTasks(Arguments):
    """The arguments of `list_tasks`."""

    task: str | None = Field(
        None,
        description="Only this one task, with its whole description: its `id`, or words of its title that name exactly"
        " one. Not together with the filters.",
    )
    status: Literal["all", "pending", "completed"] = Field("all", description="Only tasks in this state.")
    search: str | None = Field(
        None,
        description="Only tasks that have each of these words in the title or the description, in any letter case.",
    )
    priority: Annotated[list[Literal["low", "medium", "high", "none"]] | None, BeforeValidator(_read_list)] = Field(
        None, description="Only tasks with one of these priorities; `none` are those without one."
    )
    tags: Annotated[list[str] | None, BeforeValidator(_read_list)] = Field(
        None, description="Only tasks that have all of these tags, exactly as they are written."
    )
    due_after: str | None = Field(None, description=f"Only tasks that are due at or after this: {BOUND}.")
    due_before: str | None = Field(None, description=f"Only tasks that are due before this, exclusively: {BOUND}.")
    sort_by: Literal["created_at", "updated_at", "title", "due_date", "priority", "completed_at"] = Field(
        "created_at", description="What to order by. Tasks that lack it come last."
    )
    order: Literal["asc", "desc"] = Field("asc", description="`asc`: oldest, lowest, A first; `desc`: the reverse.")
    limit: int = Field(PAGE, ge=1, le=PAGE_MAX, description="How many tasks to return at most.")
    cursor: str | None = Field(
        None,
        description="The `next_cursor` of the answer before, for the next page. Send the same filters and order again.",
    )


class TaskFields(Arguments):
    """What a task can have beside its title."""

    description: str | None = Field(None, description="More about it, at most 5000 characters.")
    due_date: str | None = Field(None, description=DUE_DATE)
    time_zone: str | None = Field(None, description=TIME_ZONE)
    priority: Priority | None = Field(None, description="How important it is.")
    tags: Annotated[list[str] | None, BeforeValidator(_read_list)] = Field(None, description=TAGS)
    recurrence: str | None = Field(None, description=RECURRENCE)
    recurrence_from: Literal["due", "completion"] | None = Field(None, description=RECURRENCE_FROM)


class AddTask(TaskFields):
    """The arguments of `add_task`."""

    title: str = Field(description="What is to be done, 1 to 500 characters, such as 'Buy milk'.")
    request_id: str | None = Field(
        None,
        min_length=1,
        description="A random text of your own, such as a UUID, a new one for each new task. If you repeat a call"
        " because its answer was lost, send the same one again: the task is then added only once.",
    )


class UpdateTask(TaskFields):
    """The arguments of `update_task`."""

    task: str = Field(description=REFERENCE)
    version: int = Field(description=VERSION)
    title: str | None = Field(None, description="The new title, 1 to 500 characters.")
    clear: Annotated[list[Clearable], BeforeValidator(_read_list)] = Field(
        default=[],
        description="The fields to empty. A field that is null or absent elsewhere stays as it is. A recurrence needs a"
        " due date, so clear both together.",
    )


class CompleteTask(Arguments):
    """The arguments of `complete_task`."""

    task: str = Field(
        description=REFERENCE + " Words look first among the tasks that are not yet in the state that is asked for."
    )
    completed: bool = Field(True, description="true: the task is done; false: it is to be done again.")
    version: int | None = Field(None, description=VERSION + " Optional.")


class DeleteTask(Arguments):
    """The arguments of `delete_task`."""

    task: str = Field(description=REFERENCE)
    version: int = Field(description=VERSION)
