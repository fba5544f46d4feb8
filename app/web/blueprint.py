"""flask-smorest's blueprint, used for documents only: what it would do around each request is left out."""

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from http import HTTPStatus
from typing import Any

import flask_smorest
from flask import Flask
from flask.typing import ResponseReturnValue

from app.web.fields import String
from app.web.idempotency import read_key
from app.web.input import check_path, read_body
from app.web.query import Query
from app.web.views import read_view
from config import BASIC, OPEN

View = Callable[..., ResponseReturnValue]


class Blueprint(flask_smorest.Blueprint):
    """A blueprint whose views answer all errors as the contract has them, and are documented so.

    `path_fields` are the variables of the URL that a client may get wrong; `schemas` are types of the OpenAPI document,
    by their names.
    """

    def __init__(
        self,
        *args: Any,
        path_fields: Mapping[str, String] | None = None,
        schemas: Mapping[str, dict[str, Any]] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.path_fields = path_fields or {}
        self.schemas = schemas or {}
        self._prepare_doc_cbks += [self._prepare_parameters_doc, self._prepare_errors_doc]
        if self.path_fields:
            self.before_request(lambda: check_path(self.path_fields))

    def add_url_rule(self, *args: Any, documented: bool = True, **kwargs: Any) -> None:
        """Add a route, which the document leaves out if it is not for clients."""
        super().add_url_rule(*args, **kwargs)
        if not documented:
            self._docs.popitem()

    def arguments(self, schema: Any, *, basic: Any = None, key_max: int | None = None, **kwargs: Any) -> Any:
        """Read the body by this `RequestSchema`, and give it and the wanted view to the function as first arguments.

        In the basic view it is read by the schema `basic`, where there is one. With `key_max`, the function also gets
        the `key` of the request, of so many characters at most, or None.
        """
        document = _only_document(super().arguments(schema, required=schema.body_required, **kwargs))

        def decorator(function: View) -> View:
            @wraps(function)
            def with_body(**path: str) -> ResponseReturnValue:
                query = Query()
                view = read_view(query)
                key = {"key": read_key(key_max, query.faults)} if key_max else {}
                body = read_body(basic if basic and view == BASIC else schema, query.faults)
                return function(body, view, **key, **path)

            return document(self.accepts("View", *["IdempotencyKey"] * bool(key_max))(with_body))

        return decorator

    def accepts(self, *names: str, others: Sequence[dict[str, Any]] = ()) -> Callable[[View], View]:
        """Document parameters of the view: those of these names in `app.web.documented_headers`, and others."""

        def document(view: View) -> View:
            described = getattr(view, "_apidoc", {})
            parameters = [*names, *others, *described.get("parameters", [])]
            view._apidoc = {**described, "parameters": parameters}  # type: ignore[attr-defined]  # flask-smorest's
            return view

        return document

    def response(self, *args: Any, **kwargs: Any) -> Any:
        """Document what the view returns; Flask sends it, by our JSON provider."""
        return _only_document(super().response(*args, **kwargs))

    def alt_response(self, *args: Any, **kwargs: Any) -> Any:
        """Document what else a client may get."""
        return _only_document(super().alt_response(*args, **kwargs))

    def register_views_in_doc(self, api: Any, app: Any, spec: Any, *, name: str, parameters: Any) -> None:
        """Describe the views, and the variables of the path by the fields that check them."""
        for title, schema in self.schemas.items():
            spec.components.schema(title, schema)
        described = [
            {
                "in": "path",
                "name": name,
                "description": field.metadata["description"],
                "schema": api.ma_plugin.converter.field2property(field),
            }
            for name, field in self.path_fields.items()
        ]
        super().register_views_in_doc(api, app, spec, name=name, parameters=described + (parameters or []))

    def _store_endpoint_docs(self, endpoint: str, obj: Any, *args: Any, **kwargs: Any) -> None:
        super()._store_endpoint_docs(endpoint, obj, *args, **kwargs)
        for name, doc in self._docs[endpoint].items():
            if name != "parameters":
                doc.setdefault("manual_doc", {})["operationId"] = endpoint

    def _prepare_parameters_doc(self, doc: dict[str, Any], doc_info: dict[str, Any], **_: object) -> dict[str, Any]:
        if "parameters" in doc_info:
            doc["parameters"] = doc_info["parameters"]
        return doc

    def _prepare_errors_doc(self, doc: dict[str, Any], doc_info: object, *, app: Flask, **_: object) -> dict[str, Any]:
        responses = doc.setdefault("responses", {})
        if app.config["AUTH_MODE"] != OPEN:
            is_locked = (self.url_prefix or "").startswith("/api")
            doc["security"] = [{"bearer": []}] if is_locked else []
            if is_locked:
                responses[401] = "Unauthenticated"
                responses[403] = "Forbidden" if HTTPStatus.FORBIDDEN in responses else "AccessForbidden"
        if "requestBody" in doc:
            responses.update({413: "RequestBodyTooLarge", 415: "UnsupportedMediaType"})
        if self.path_fields:
            responses.update({422: "InvalidRequest", 503: "ServiceUnavailable"})
        responses[500] = "InternalServerError"
        return doc


def _only_document(decorator: Callable[[View], View]) -> Callable[[View], View]:
    """Take from a decorator of flask-smorest what it documents, and not what it would do around each request."""

    def document(view: View) -> View:
        view._apidoc = decorator(view)._apidoc  # type: ignore[attr-defined]  # flask-smorest's
        return view

    return document
