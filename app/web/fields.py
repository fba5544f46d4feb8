"""marshmallow in the contract's vocabulary: each of its messages carries the `type` and `msg` that a client sees."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate


@dataclass(frozen=True)
class Message:
    """What a fault is called, wherever it is found."""

    type: str
    msg: str

    def __call__(self, limit: int) -> "Message":
        """Return the same message with the limit filled in."""
        return Message(self.type, self.msg.format(limit))


MISSING = Message("value_error.missing", "field required")
NULL = Message("type_error.none.not_allowed", "none is not an allowed value")
NOT_A_STRING = Message("type_error.str", "str type expected")
NOT_A_BOOLEAN = Message("value_error.strictbool", "value is not a valid boolean")
NOT_AN_OBJECT = Message("type_error.dict", "value is not a valid dict")
NOT_JSON = Message("value_error.jsondecode", "invalid JSON")
FORBIDDEN_CHARACTER = Message("value_error.str.character", "string contains a character that is not allowed")
TOO_SHORT = Message("value_error.any_str.min_length", "ensure this value has at least {} characters")
TOO_LONG = Message("value_error.any_str.max_length", "ensure this value has at most {} characters")
MESSAGES = (
    MISSING,
    NULL,
    NOT_A_STRING,
    NOT_A_BOOLEAN,
    NOT_AN_OBJECT,
    NOT_JSON,
    FORBIDDEN_CHARACTER,
    TOO_SHORT,
    TOO_LONG,
)


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


class Boolean(fields.Boolean):
    """`true` or `false`; nothing else is turned into one."""

    default_error_messages = {"required": [MISSING], "null": [NULL], "invalid": [NOT_A_BOOLEAN]}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, bool):
            raise self.make_error("invalid")
        return value


class RequestSchema(Schema):
    """What a client may send; what is unknown, or the server's own, is ignored."""

    error_messages = {"type": NOT_AN_OBJECT}  # type: ignore[dict-item]
    body_required: ClassVar[bool] = True
    keywords: ClassVar[Mapping[str, Any]] = {}  # of JSON Schema, which the fields do not tell

    class Meta:
        unknown = EXCLUDE
