"""The formats of an export, written in parts as the tasks come."""

import csv
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import StringIO
from typing import Any

import orjson

from app.tasks.columns import FIELDS
from app.transfer.calendar import write_calendar
from app.transfer.repository import Export
from config import FULL

COLUMNS = ("id", "user_id", *FIELDS[FULL][1:])
# A spreadsheet runs a cell that begins so as a formula, also after white space; the wide ones are those of East Asia.
# An apostrophe before it makes it a text. One that is there already counts, so that readers can take one off again.
FORMULA = re.compile(r"'*(?:\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n])")
UNSAFE = re.compile(r"[^A-Za-z0-9_-]")
NAME_MAX = 100  # characters of the user in the name of a file


@dataclass(frozen=True)
class Format:
    """A format: the ending of its files, its media type, and what writes it."""

    name: str
    content_type: str
    write: Callable[[Export], Iterator[bytes]]

    def name_file(self, user_id: str) -> str:
        """Return a name for a file with the tasks of that user, which means nothing else to any system."""
        return f"tasks-{UNSAFE.sub('_', user_id)[:NAME_MAX]}.{self.name}"


def write_json(export: Export) -> Iterator[bytes]:
    """Give an object; the count comes before the tasks, so that a cut is noticed."""
    head = orjson.dumps({"user_id": export.user_id, "count": export.count, "token": export.token})
    yield head[:-1] + b',"tasks":['
    separator = b""
    for tasks in export.read_tasks():
        yield separator + orjson.dumps(tasks)[1:-1]
        separator = b","
    yield b"]}"


def write_csv(export: Export) -> Iterator[bytes]:
    """Give a header row and a row for each task (RFC 4180)."""
    yield _write_rows([COLUMNS])
    for tasks in export.read_tasks():
        yield _write_rows([[_write_cell(task[name]) for name in COLUMNS] for task in tasks])


def _write_rows(rows: Any) -> bytes:
    text = StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _write_cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = ",".join(value) if isinstance(value, list) else str(value)
    return f"'{text}" if FORMULA.match(text) else text


JSON = Format("json", "application/json", write_json)
CSV = Format("csv", "text/csv; charset=utf-8", write_csv)
ICS = Format("ics", "text/calendar; charset=utf-8", write_calendar)
FORMATS: dict[str, Format] = {each.name: each for each in (JSON, CSV, ICS)}
