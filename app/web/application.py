"""Flask without what this service does not use, and with what every answer has."""

from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from flask import Flask, Request
from werkzeug.routing import MapAdapter
from werkzeug.wsgi import ClosingIterator

from app.telemetry.metrics import IN_FLIGHT
from app.telemetry.request_ids import take_request_id
from app.telemetry.requests import Record
from app.web.headers import constant_headers


class Application(Flask):
    """Flask, but all views are synchronous, and no route depends on the name of the host.

    Finding out about both takes an eighth of the Python time of a read.
    """

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function as it is."""
        return func

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Return what finds the view of the request; without one there are no URLs."""
        if request is None:
            return None
        return MapAdapter(
            self.url_map, "localhost", request.root_path, "", request.scheme, request.path, request.method
        )

    def wsgi_app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request (PEP 3333): give it an id, record it, and add the headers that every answer has.

        This stands outside of Flask, whose hooks would cost more.
        """
        request_id = take_request_id(environ)
        record = Record(environ) if self.config["REQUEST_TELEMETRY"] else None

        def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            by_name = dict(headers)
            if record is not None:
                record.answer(status, by_name)
            constant = constant_headers(environ["PATH_INFO"], by_name)
            return start_response(status, [*headers, ("X-Request-ID", request_id), *constant], *exc_info)

        if record is None:
            return super().wsgi_app(environ, start)
        IN_FLIGHT.add(1)
        try:
            answer = super().wsgi_app(environ, start)
        finally:
            IN_FLIGHT.add(-1)
        if isinstance(answer, tuple):
            return _WholeAnswer(answer, record.write)
        return ClosingIterator(answer, record.write)


class _WholeAnswer(list[bytes]):
    """The body of an answer that is complete, which a server can send at once."""

    def __init__(self, body: Iterable[bytes], close: Callable[[], None]) -> None:
        super().__init__(body)
        self.close = close
