"""The OpenAPI document, made from the code, and the pages that show it. What we bend in flask-smorest stands here."""

import importlib.util
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any

import flask
import flask_smorest
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Flask
from flask.typing import ResponseReturnValue
from marshmallow import Schema

from app.auth.tokens import OPEN
from app.extensions import api
from app.web.errors import ACCESS_FORBIDDEN, DETAILS, RETRY_AFTER, TASK_NOT_FOUND, UNAUTHENTICATED
from app.web.fields import MESSAGES, MISSING, String, check_path, read_body

TITLE = "Tasks API"
VERSION = "1.0.0"
DESCRIPTION = """\
Keeps the tasks of your users. Every task belongs to the user named in the path; nobody else ever sees or touches it.

Every error is JSON with the one member `detail`. In a body, fields that are unknown, or the server's own, are ignored;
of duplicate keys, the last one wins. A trailing slash after a path is accepted and means the same thing.
"""

View = Callable[..., ResponseReturnValue]

ASSETS = {"swagger_ui": ("flask_swagger_ui", "dist"), "redoc": ("flask_openapi_redoc", "templates/redoc/js")}


class Blueprint(flask_smorest.Blueprint):
    """A blueprint whose views answer all errors as the contract has them, and are documented so.

    `path_fields` are the variables of the URL that a client may get wrong.
    """

    def __init__(self, *args: Any, path_fields: Mapping[str, String] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.path_fields = path_fields or {}
        self._prepare_doc_cbks.append(self._prepare_errors_doc)
        if self.path_fields:
            self.before_request(lambda: check_path(self.path_fields))

    def arguments(self, schema: Any, **kwargs: Any) -> Any:
        """Read the body by this `RequestSchema`, and give it to the view as its first argument."""
        document = _only_document(super().arguments(schema, required=schema.body_required, **kwargs))

        def decorator(view: View) -> View:
            @wraps(view)
            def with_body(**path: str) -> ResponseReturnValue:
                return view(read_body(schema), **path)

            return document(with_body)

        return decorator

    def response(self, *args: Any, **kwargs: Any) -> Any:
        """Document what the view returns; Flask sends it, by our JSON provider."""
        return _only_document(super().response(*args, **kwargs))

    def alt_response(self, *args: Any, **kwargs: Any) -> Any:
        """Document what else a client may get."""
        return _only_document(super().alt_response(*args, **kwargs))

    def register_views_in_doc(self, api: Any, app: Any, spec: Any, *, name: str, parameters: Any) -> None:
        """Describe the views, and the variables of the path by the fields that check them."""
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

    def _prepare_errors_doc(self, doc: dict[str, Any], doc_info: object, *, app: Flask, **_: object) -> dict[str, Any]:
        responses = doc.setdefault("responses", {})
        if app.config["AUTH_MODE"] != OPEN and (self.url_prefix or "").startswith("/api"):
            doc["security"] = [{"bearer": []}]
            responses.update({401: "Unauthenticated", 403: "AccessForbidden"})
        if "requestBody" in doc:
            responses.update({413: "RequestBodyTooLarge", 415: "UnsupportedMediaType"})
        if self.path_fields:
            responses.update({422: "InvalidRequest", 503: "ServiceUnavailable"})
        responses[500] = "InternalServerError"
        return doc


def init_app(app: Flask) -> None:
    """Serve `/openapi.json`, `/docs` and `/redoc`, with all that the pages need."""
    app.config.update(
        API_TITLE=TITLE,
        API_VERSION=VERSION,
        API_SPEC_OPTIONS={"info": {"description": DESCRIPTION}, "servers": [{"url": "/"}]},
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX="/",
        OPENAPI_SWAGGER_UI_PATH="/docs",
        OPENAPI_SWAGGER_UI_URL="/docs/assets/",
        OPENAPI_REDOC_PATH="/redoc",
        OPENAPI_REDOC_URL="/redoc/assets/redoc.standalone.js",
    )
    api.DEFAULT_ERROR_RESPONSE_NAME = None  # No error is left without a name.
    api.init_app(app, spec_kwargs={"marshmallow_plugin": MarshmallowPlugin(schema_name_resolver=_schema_name)})
    for unused in ("Error", "PaginationMetadata"):
        del api.spec.components.schemas[unused]
    for name, path in (("swagger_ui", "/docs/assets"), ("redoc", "/redoc/assets")):
        app.register_blueprint(
            flask.Blueprint(name, __name__, static_folder=_assets(*ASSETS[name]), static_url_path=path)
        )
    _document_errors()
    if app.config["AUTH_MODE"] != OPEN:
        _document_authentication()
    _document_pages(app)


def _only_document(decorator: Callable[[View], View]) -> Callable[[View], View]:
    """Take from a decorator of flask-smorest what it documents, and not what it would do around each request."""

    def document(view: View) -> View:
        view._apidoc = decorator(view)._apidoc  # type: ignore[attr-defined]
        return view

    return document


def _schema_name(schema: Schema | type[Schema]) -> str:
    name = schema.__name__ if isinstance(schema, type) else type(schema).__name__
    return name.removesuffix("Schema")


def _assets(package: str, folder: str) -> Path:
    """Return a folder of an installed package, which is not imported: only its files are wanted."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(package)
    return Path(spec.origin).parent / folder


def _document_errors() -> None:
    """Describe every error of the contract, once, for the operations to refer to."""
    for name, detail, description in (
        ("TaskNotFound", TASK_NOT_FOUND, "The user has no such task."),
        ("RequestBodyTooLarge", DETAILS[413], "The body is larger than the limit."),
        ("UnsupportedMediaType", DETAILS[415], "There is a body that is not `application/json`."),
        ("InternalServerError", "Internal Server Error", "A fault of ours."),
        ("ServiceUnavailable", DETAILS[503], "The database can't be reached, or is too busy."),
    ):
        response: dict[str, Any] = {
            "description": description,
            "content": {"application/json": {"schema": _detail({"const": detail}), "example": {"detail": detail}}},
        }
        if name == "ServiceUnavailable":
            response["headers"] = {
                "Retry-After": {
                    "description": "Seconds after which to try again.",
                    "schema": {"type": "integer", "minimum": 0},
                    "example": RETRY_AFTER,
                }
            }
        api.spec.components.response(name, response)
    fault = {
        "type": "object",
        "properties": {
            "loc": {
                "description": "The way to the fault; `body` alone is the body as a whole.",
                "type": "array",
                "items": {"type": "string"},
                "minItems": 1,
                "maxItems": 2,
            },
            "msg": {"description": "What is wrong, for people.", "type": "string"},
            "type": {"description": "What is wrong, for programs.", "enum": [message.type for message in MESSAGES]},
        },
        "required": ["loc", "msg", "type"],
        "additionalProperties": False,
    }
    api.spec.components.schema("Fault", fault)
    faults = {"type": "array", "items": {"$ref": "#/components/schemas/Fault"}, "minItems": 1}
    example = {"loc": ["body", "title"], "msg": MISSING.msg, "type": MISSING.type}
    api.spec.components.response(
        "InvalidRequest",
        {
            "description": "What was sent is wrong, in all the ways that `detail` lists; nothing was changed.",
            "content": {"application/json": {"schema": _detail(faults), "example": {"detail": [example]}}},
        },
    )


def _document_authentication() -> None:
    """Describe the lock, for "Authorize" in Swagger UI, and what it answers."""
    api.spec.components.security_scheme(
        "bearer",
        {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "A token of which `sub` is the `user_id` in the path.",
        },
    )
    sentences = list(UNAUTHENTICATED.values())
    challenge = {
        "description": "The challenge (RFC 6750, section 3).",
        "required": True,
        "schema": {"type": "string", "pattern": "^Bearer "},
        "example": 'Bearer realm="tasks"',
    }
    for name, detail, description, headers in (
        ("Unauthenticated", {"enum": sentences}, "There is no good token.", {"WWW-Authenticate": challenge}),
        ("AccessForbidden", {"const": ACCESS_FORBIDDEN}, "The token is another user's.", {}),
    ):
        example = {"detail": detail.get("const", sentences[0])}
        content = {"application/json": {"schema": _detail(detail), "example": example}}
        api.spec.components.response(name, {"description": description, "headers": headers, "content": content})


def _detail(schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"detail": schema},
        "required": ["detail"],
        "additionalProperties": False,
    }


def _document_pages(app: Flask) -> None:
    """Describe what flask-smorest serves by itself."""
    html = {"text/html": {"schema": {"type": "string"}}}
    for endpoint, summary, content in (
        ("openapi_json", "Return this document.", {"application/json": {"schema": {"type": "object"}}}),
        ("openapi_swagger_ui", "Show this document in Swagger UI.", html),
        ("openapi_redoc", "Show this document in ReDoc.", html),
    ):
        operation = {
            "operationId": endpoint,
            "summary": summary,
            "tags": ["service"],
            "responses": {"200": {"description": "OK", "content": content}, "500": "InternalServerError"},
        }
        api.spec.path(rule=next(app.url_map.iter_rules(f"api-docs.{endpoint}")), operations={"get": operation})
