"""marshmallow in the contract's vocabulary: each of its messages carries the `type` and `msg` that a client sees."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, cast

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate


@dataclass(frozen=True)
class Message:
    """What a fault is called, wherever it is found."""

    type: str
    msg: str

    def __call__(self, detail: object) -> "Message":
        """Return the same message with a limit, or another detail, filled in."""
        return Message(self.type, self.msg.format(detail))


MISSING = Message("value_error.missing", "field required")
NULL = Message("type_error.none.not_allowed", "none is not an allowed value")
NOT_A_STRING = Message("type_error.str", "str type expected")
NOT_A_BOOLEAN = Message("value_error.strictbool", "value is not a valid boolean")
NOT_AN_OBJECT = Message("type_error.dict", "value is not a valid dict")
NOT_JSON = Message("value_error.jsondecode", "invalid JSON")
FORBIDDEN_CHARACTER = Message("value_error.str.character", "string contains a character that is not allowed")
TOO_SHORT = Message("value_error.any_str.min_length", "ensure this value has at least {} characters")
TOO_LONG = Message("value_error.any_str.max_length", "ensure this value has at most {} characters")
NOT_AN_INTEGER = Message("type_error.integer", "value is not a valid integer")
TOO_SMALL = Message("value_error.number.not_ge", "ensure this value is greater than or equal to {}")
TOO_LARGE = Message("value_error.number.not_le", "ensure this value is less than or equal to {}")
NOT_A_MEMBER = Message("type_error.enum", "value is not a valid enumeration member; permitted: {}")
NOT_A_DATE = Message("value_error.date", "invalid date format")
NOT_A_LIST = Message("type_error.list", "value is not a valid list")
TOO_MANY = Message("value_error.list.max_items", "ensure this value has at most {} items")
NO_TIME_ZONE = Message("value_error.timezone", "unknown time zone")
NO_RECURRENCE = Message("value_error.recurrence", "invalid recurrence rule")
BAD_CURSOR = Message("value_error.cursor", "invalid cursor")
CONFLICT = Message("value_error.conflict", "{}")
KEY_REUSED = Message("value_error.idempotency_key", "key was used with another request")
MESSAGES = (
    *(MISSING, NULL, NOT_A_STRING, NOT_A_BOOLEAN, NOT_AN_OBJECT, NOT_JSON, FORBIDDEN_CHARACTER, TOO_SHORT, TOO_LONG),
    *(NOT_AN_INTEGER, TOO_SMALL, TOO_LARGE, NOT_A_MEMBER, NOT_A_DATE, NOT_A_LIST, TOO_MANY, NO_TIME_ZONE),
    *(NO_RECURRENCE, BAD_CURSOR, CONFLICT, KEY_REUSED),
)


def not_a_member(permitted: Iterable[str]) -> Message:
    """Return the message for a word that is none of these."""
    return NOT_A_MEMBER(", ".join(f"'{word}'" for word in permitted))


class Length(validate.Length):
    """The same check as marshmallow's, said in the contract's words."""

    def __call__(self, value: Any) -> Any:
        """Return `value`, or raise `ValidationError`."""
        if self.min is not None and len(value) < self.min:
            raise ValidationError([TOO_SHORT(self.min)])
        if self.max is not None and len(value) > self.max:
            raise ValidationError([TOO_LONG(self.max)])
        return value


class Forbids(validate.Validator):
    """The string has no character of a class, which is given as in a regular expression."""

    def __init__(self, characters: str) -> None:
        self._forbidden = re.compile(f"[{characters}]")
        self.regex = re.compile(f"^[^{characters}]*$")  # For the documentation, where apispec looks for it.

    def __call__(self, value: str) -> str:
        """Return `value`, or raise `ValidationError`."""
        if self._forbidden.search(value):
            raise ValidationError([FORBIDDEN_CHARACTER])
        return value


class String(fields.String):
    """A JSON string of so many characters, none of them NUL, which PostgreSQL can't store, or otherwise forbidden."""

    default_error_messages = {"required": [MISSING], "null": [NULL], "invalid": [NOT_A_STRING]}

    def __init__(self, length: Length, forbidden: str = r"\x00", **kwargs: Any) -> None:
        super().__init__(validate=[length, Forbids(forbidden)], **kwargs)


def trim(value: Any) -> Any:
    """Take the surrounding white space off a string: a hook for `pre_load`, so that lengths count what is left."""
    return value.strip() if isinstance(value, str) else value


class Word(String):
    """One of some words, in any letter case. In the OpenAPI document, words with a title are a schema of that name."""

    def __init__(self, words: Sequence[str], *, title: str | None = None, **kwargs: Any) -> None:
        self.words = words
        self.title = title
        super().__init__(Length(), **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        word = super()._deserialize(value, attr, data, **kwargs).lower()
        if word not in self.words:
            raise ValidationError([not_a_member(self.words)])
        return word


class Parsed(String):
    """A string that a function turns into another one, or into None where it is malformed."""

    def __init__(
        self, parse: Callable[[str], str | None], fault: Message, *, blank: bool = False, **kwargs: Any
    ) -> None:
        self._parse = parse
        self._fault = fault
        self._blank = blank  # Whether "" means null.
        super().__init__(Length(), **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        if self._blank and not text:
            return None
        parsed = self._parse(text)
        if parsed is None:
            raise ValidationError([self._fault])
        return parsed

    def _validate(self, value: Any) -> None:
        """Do nothing more: what was parsed is right."""


class Strings(fields.Field[list[str]]):
    """An array of strings, each trimmed and of so many characters. A repeated one counts once; the order stays."""

    default_error_messages = {"required": [MISSING], "null": [NULL], "invalid": [NOT_A_LIST]}

    def __init__(self, most: int, item: String, **kwargs: Any) -> None:
        self.item = item
        self.most = most
        super().__init__(**kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[str]:
        if not isinstance(value, list):
            raise self.make_error("invalid")
        found: dict[Message, None] = {}
        items: dict[str, None] = {}
        for sent in value:
            try:
                items[str(self.item.deserialize(sent))] = None
            except ValidationError as error:
                found.update(dict.fromkeys(cast(list[Message], error.messages)))
        if len(items) > self.most:
            found[TOO_MANY(self.most)] = None
        if found:
            raise ValidationError(list(found))
        return list(items)


class Boolean(fields.Boolean):
    """`true` or `false`; nothing else is turned into one."""

    default_error_messages = {"required": [MISSING], "null": [NULL], "invalid": [NOT_A_BOOLEAN]}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, bool):
            raise self.make_error("invalid")
        return value


class RequestSchema(Schema):
    """What a client may send; what is unknown, or the server's own, is ignored."""

    error_messages = {"type": NOT_AN_OBJECT}  # type: ignore[dict-item]  # It has its type beside its text.
    body_required: ClassVar[bool] = True
    keywords: ClassVar[Mapping[str, Any]] = {}  # of JSON Schema, which the fields do not tell

    class Meta:
        unknown = EXCLUDE
