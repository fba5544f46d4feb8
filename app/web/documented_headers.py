"""What several operations have in common beside their bodies, as components of the OpenAPI document.

Examples of parameters are `examples` of their schemas: Swagger UI fills in an `example`, so that trying an operation
out would send all of them.
"""

from typing import Any

from app.extensions import api
from app.web.views import WORDS

TASK_TAG, LIST_TAG = '"42"', '"5f0c7d2be1a94c36-42"'


def refer_to_schema(name: str) -> dict[str, str]:
    """Return a reference to a type of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def describe_query(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Return the description of a parameter of the query."""
    return {"in": "query", "name": name, "description": description, "schema": schema}


PARAMETERS: dict[str, dict[str, Any]] = {
    "View": describe_query(
        "view", "The fields of a task: the seven of the basic view, or all of them.", refer_to_schema("View")
    ),
    "IfMatch": {
        "in": "header",
        "name": "If-Match",
        "description": "Act only on this version of the task: the `ETag` of an answer, several of them, or `*`.",
        "schema": {"type": "string", "examples": [TASK_TAG, "*"]},
    },
    "IfNoneMatch": {
        "in": "header",
        "name": "If-None-Match",
        "description": "The `ETag` of the answer that the client has. If it is still true, the answer is 304.",
        "schema": {"type": "string", "examples": [TASK_TAG, LIST_TAG]},
    },
    "IdempotencyKey": {
        "in": "header",
        "name": "Idempotency-Key",
        "description": "A text of the client's that is new for each request. A request that is repeated with the same"
        " key within 24 hours changes nothing and gets the first answer.",
        "schema": {
            "type": "string",
            "pattern": "^[!-~]{1,255}$",
            "examples": ["0b6e3b0e-3f1c-4c3e-9b1a-5d2f8a6c3e10"],
        },
    },
}
HEADERS: dict[str, dict[str, Any]] = {
    "TaskTag": {
        "description": "The version of the task (RFC 9110, section 8.8.3).",
        "schema": {"type": "string"},
        "example": TASK_TAG,
    },
    "ListTag": {
        "description": "The newest change of the user's tasks, whatever the filters are.",
        "schema": {"type": "string"},
        "example": LIST_TAG,
    },
    "CacheControl": {
        "description": "What has a tag may be kept, and is asked for again with it.",
        "schema": {"type": "string"},
        "example": "private, no-cache",
    },
    "TotalCount": {
        "description": "How many tasks there are that match the filters.",
        "schema": {"type": "integer", "minimum": 0},
        "example": 1,
    },
    "NextPage": {
        "description": "Where the next page is, if there is one (RFC 8288): a relative reference.",
        "schema": {"type": "string"},
        "example": '</api/alice/tasks?limit=50&cursor=Zm9y…>; rel="next"',
    },
    "IdempotentReplayed": {
        "description": "`true` if this is the answer to an earlier request with the same key.",
        "schema": {"type": "string", "const": "true"},
        "example": "true",
    },
}


def refer_to_headers(**names: str) -> dict[str, Any]:
    """Return headers of an answer that are described above; `_` in a name stands for `-`."""
    return {header.replace("_", "-"): {"$ref": f"#/components/headers/{name}"} for header, name in names.items()}


OF_A_TASK = refer_to_headers(ETag="TaskTag", Cache_Control="CacheControl")
OF_A_LIST = refer_to_headers(ETag="ListTag", Cache_Control="CacheControl", X_Total_Count="TotalCount", Link="NextPage")
OF_A_REPLAY = refer_to_headers(Idempotent_Replayed="IdempotentReplayed")


def document_headers() -> None:
    """Describe the parameters and headers, once, for the operations to refer to."""
    api.spec.components.schema("View", {"type": "string", "enum": [*WORDS]})
    for name, parameter in PARAMETERS.items():
        api.spec.components.parameter(name, parameter["in"], parameter)
    for name, header in HEADERS.items():
        api.spec.components.header(name, header)
    api.spec.components.response(
        "NotModified",
        {
            "description": "The client has the answer already.",
            "headers": refer_to_headers(Cache_Control="CacheControl"),
        },
    )
