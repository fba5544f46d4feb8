"""JSON in and out of the application."""

import json
from collections.abc import Iterable
from typing import Any, NoReturn
from wsgiref.types import StartResponse, WSGIEnvironment

import orjson
from flask import Response
from flask.json.provider import JSONProvider


class JSONResponse(Response):
    """An answer in JSON, which is whole from the start: unlike werkzeug's, it is sent without another look at it."""

    def __init__(self, value: Any, status: int = 200) -> None:
        super().__init__([orjson.dumps(value)], status, content_type="application/json")

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Send the answer (PEP 3333)."""
        (body,) = self.response
        start_response(self.status, [*self.headers.to_wsgi_list(), ("Content-Length", str(len(body)))])
        return () if environ["REQUEST_METHOD"] == "HEAD" else (body,)  # type: ignore[return-value]  # It is bytes.


class StrictJSONProvider(JSONProvider):
    """orjson for what goes out, RFC 8259 to the letter for what comes in.

    The standard library reads, not orjson, because orjson refuses numbers that are larger than a double, which the
    grammar allows. No field of ours is a number, so every number is as good as any other.
    """

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """Return `obj` as JSON text."""
        return orjson.dumps(obj).decode()

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """Return the value of a JSON text; of duplicate keys, the last one wins.

        Raises `ValueError` for anything that RFC 8259 forbids or calls unpredictable: another encoding than UTF-8,
        `NaN`, lone surrogates, nesting too deep to follow.
        """
        try:
            text = s if isinstance(s, str) else s.decode()
            value = DECODER.decode(text)
            if "\\u" in text:
                json.dumps(value, ensure_ascii=False).encode()  # Finds surrogates that an escape left alone.
        except RecursionError as error:
            raise ValueError("nested too deeply") from error
        return value

    def response(self, *args: Any, **kwargs: Any) -> Response:
        """Return a response with the one argument as its body."""
        return JSONResponse(self._prepare_response_obj(args, kwargs))


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


DECODER = json.JSONDecoder(parse_int=float, parse_constant=_refuse)
