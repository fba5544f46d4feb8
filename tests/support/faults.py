"""The faults of the contract, as a client sees them: the members of `detail`, and whole bodies."""

from typing import Any

MISSING = {"msg": "field required", "type": "value_error.missing"}
NULL = {"msg": "none is not an allowed value", "type": "type_error.none.not_allowed"}
NOT_A_STRING = {"msg": "str type expected", "type": "type_error.str"}
NOT_A_BOOLEAN = {"msg": "value is not a valid boolean", "type": "value_error.strictbool"}
NOT_AN_OBJECT = {"msg": "value is not a valid dict", "type": "type_error.dict"}
CHARACTER = {"msg": "string contains a character that is not allowed", "type": "value_error.str.character"}
EMPTY = {"msg": "ensure this value has at least 1 characters", "type": "value_error.any_str.min_length"}
NOT_FOUND = {"detail": "Task not found"}


def too_long(limit: int) -> dict[str, str]:
    return {"msg": f"ensure this value has at most {limit} characters", "type": "value_error.any_str.max_length"}


def fault(*loc: str, **what: str) -> dict[str, Any]:
    return {"loc": list(loc), **what}
