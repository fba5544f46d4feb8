"""Reading a request: the variables of its path, and its body."""

from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from typing import IO, Any

from flask import Request, current_app, g, request
from marshmallow import ValidationError
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from app.exceptions import Fault, InvalidRequest
from app.web.fields import FORBIDDEN_CHARACTER, NOT_JSON, RequestSchema, String

METHODS_WITH_MORE = ("GET", "HEAD", "POST", "PUT", "PATCH")  # than a path: a query, or a body
VALUES_KEPT = 1000
CHUNK = 64 * 1024  # bytes
DISCARDED_AT_MOST = 16 * 1024 * 1024  # bytes
REPLACEMENT_CHARACTER = "\N{REPLACEMENT CHARACTER}"


def faults(location: str, messages: Mapping[str, Any]) -> list[Fault]:
    """Turn marshmallow's messages into faults of that part of the request, which may itself be the faulty thing."""
    return [
        Fault((location,) if field == "_schema" else (location, field), message.msg, message.type)
        for field, of_field in messages.items()
        for message in of_field
    ]


def check_path(path_fields: Mapping[str, String]) -> None:
    """Check the variables of the path that have a field here, before the view runs.

    Raises `InvalidRequest`, unless the view reads more of the request: then that does (`app.web.query.Query`), so that
    all faults are told at once.
    """
    path: Mapping[str, str] = request.view_args or {}
    found = [fault for name, field in path_fields.items() for fault in _find_path_faults(path, name, field)]
    if found and request.method not in METHODS_WITH_MORE:
        raise InvalidRequest(found)
    if found:
        g.path_faults = found


def _find_path_faults(path: Mapping[str, str], name: str, field: String) -> list[Fault]:
    value = path[name]
    if REPLACEMENT_CHARACTER in value and not _is_utf8(request.environ["PATH_INFO"]):
        return faults("path", {name: [FORBIDDEN_CHARACTER]})
    try:
        _require_valid(field, value)
    except ValidationError as error:
        return faults("path", {name: error.messages})
    return []


@lru_cache(maxsize=VALUES_KEPT)
def _require_valid(field: String, value: str) -> None:
    """Raise `ValidationError`, unless the value is valid. Valid ones are kept: most requests are of known users."""
    field.deserialize(value)


def _is_utf8(wsgi_string: str) -> bool:
    """Tell whether the bytes behind a string of the WSGI environment (PEP 3333) are UTF-8."""
    try:
        wsgi_string.encode("latin-1").decode()
    except UnicodeDecodeError:
        return False
    return True


def read_body(schema: RequestSchema, other_faults: list[Fault]) -> dict[str, Any]:
    """Return the JSON body of the request, checked; an empty one where there is none and none is required.

    Raises `InvalidRequest` with all faults of the request, the other ones first, `RequestEntityTooLarge` or
    `UnsupportedMediaType`.
    """
    req: Request = request._get_current_object()  # type: ignore[attr-defined]  # of the proxy
    try:
        sent = _read(req)
        body: dict[str, Any] = schema.load(_decode(req, sent)) if sent or schema.body_required else {}
    except ValidationError as error:
        raise InvalidRequest(other_faults + faults("body", error.messages_dict)) from error
    if other_faults:
        raise InvalidRequest(other_faults)
    return body


def _decode(req: Request, sent: bytes) -> Any:
    if sent and not _is_json(req):
        raise UnsupportedMediaType()
    try:
        return current_app.json.loads(sent)
    except ValueError as error:
        raise _not_json() from error


def _not_json() -> ValidationError:
    return ValidationError({"_schema": [NOT_JSON]})


def _read(req: Request) -> bytes:
    """Return the whole body.

    Read from the server itself: werkzeug cuts a body in chunks at the limit, and takes what came before the connection
    broke for all of it.
    """
    stream, length = req.environ["wsgi.input"], req.content_length
    if length is None and not req.environ.get("wsgi.input_terminated"):
        return b""
    most = current_app.config["MAX_CONTENT_LENGTH"]
    try:
        body: bytes = stream.read(min(length, most + 1) if length is not None else most + 1)
    except Exception as error:  # Servers differ in what they raise for a body that breaks off or is badly chunked.
        raise _not_json() from error
    if len(body) > most:
        _discard(stream)
        raise RequestEntityTooLarge()
    if length is not None and len(body) < length:
        raise _not_json()
    return body


def _discard(stream: IO[bytes]) -> None:
    """Read on, within reason: a client that is still sending when the connection closes may never see the answer."""
    with suppress(Exception):  # The bytes are thrown away, so no error in them matters.
        for _ in range(DISCARDED_AT_MOST // CHUNK):
            if not stream.read(CHUNK):
                break


def _is_json(req: Request) -> bool:
    if req.content_type == "application/json":  # As nearly everybody says it, and nothing to be taken apart.
        return True
    charset = req.mimetype_params.get("charset", "utf-8")
    return req.mimetype == "application/json" and charset.lower() in ("utf-8", "utf8")
