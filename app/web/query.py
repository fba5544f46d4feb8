"""Reading query parameters: each by its name or an alias, with the contract's words for what is wrong."""

import re
from collections.abc import Mapping, Sequence
from typing import TypeVar

from flask import g, request
from werkzeug.datastructures import ImmutableMultiDict

from app.exceptions import Fault, InvalidRequest
from app.web.fields import FORBIDDEN_CHARACTER, NOT_AN_INTEGER, TOO_LARGE, TOO_SMALL, Message, not_a_member

INTEGER = re.compile(r"[+-]?[0-9]+", re.ASCII)
OFFSET_MAX = 2**62  # A larger one would not fit into PostgreSQL's bigint, and no list is as long.

NOTHING: ImmutableMultiDict[str, str] = ImmutableMultiDict()

Value = TypeVar("Value")


class Query:
    """The query of the current request. What is wrong is collected, after what is wrong with the path.

    An empty parameter counts as absent. Of a repeated one the last counts, of a parameter and its alias the parameter.
    """

    def __init__(self) -> None:
        self._sent = request.args if request.query_string else NOTHING
        self.faults: list[Fault] = [*g.get("path_faults", ())]

    @property
    def is_empty(self) -> bool:
        """Whether no parameter was sent."""
        return self._sent is NOTHING

    def find(self, *names: str) -> tuple[str, str] | None:
        """Return name and value of the first of these parameters that was sent, or None."""
        for name in names:
            if name in self._sent and (values := [value for value in self._sent.getlist(name) if value]):
                return (name, values[-1]) if self._is_storable(name, values[-1:]) else None
        return None

    def read_text(self, *names: str) -> str | None:
        """Return a text, or None."""
        found = self.find(*names)
        return found[1] if found else None

    def read_texts(self, name: str) -> list[str]:
        """Return all texts of a parameter that may be repeated."""
        values = [value for value in self._sent.getlist(name) if value]
        return values if self._is_storable(name, values) else []

    def read_word(self, words: Mapping[str, Value], *names: str) -> Value | None:
        """Return what one of these words, in any letter case, stands for, or None."""
        found = self.find(*names)
        if found is None:
            return None
        name, word = found
        if word.lower() not in words:
            self.refuse(name, not_a_member(words))
            return None
        return words[word.lower()]

    def read_words(self, permitted: Sequence[str], name: str) -> list[str] | None:
        """Return words of these that are joined by commas, or None."""
        found = self.find(name)
        if found is None:
            return None
        words = [word.strip().lower() for word in found[1].split(",") if word.strip()]
        if not set(words) <= set(permitted):
            self.refuse(name, not_a_member(permitted))
            return None
        return words or None

    def read_integer(self, *names: str, least: int, most: int | None = None) -> int | None:
        """Return a whole number within its bounds, or None."""
        found = self.find(*names)
        if found is None:
            return None
        name, text = found
        if not INTEGER.fullmatch(text):
            self.refuse(name, NOT_AN_INTEGER)
            return None
        # Python refuses to read numbers of thousands of digits; all beyond these are beyond every bound.
        number = int(text[:20]) if len(text) > 20 else int(text)  # noqa: PLR2004 -- the digits, as the line above says
        if number < least:
            self.refuse(name, TOO_SMALL(least))
        elif most is not None and number > most:
            self.refuse(name, TOO_LARGE(most))
        else:
            return min(number, OFFSET_MAX)
        return None

    def refuse(self, name: str, message: Message) -> None:
        """Note a fault of that parameter, by the name that was sent."""
        self.faults.append(Fault(("query", name), message.msg, message.type))

    def require_no_faults(self) -> None:
        """Raise `InvalidRequest` with all faults, if there are any."""
        if self.faults:
            raise InvalidRequest(self.faults)

    def _is_storable(self, name: str, values: Sequence[str]) -> bool:
        if any("\0" in value for value in values):
            self.refuse(name, FORBIDDEN_CHARACTER)
            return False
        return True
