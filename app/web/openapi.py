"""The OpenAPI document, made from the code, and the pages that show it."""

from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import flask
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from flask import Flask
from marshmallow import Schema
from marshmallow.fields import Field

from app.extensions import api
from app.web.documented_errors import document_authentication, document_errors
from app.web.documented_headers import document_headers, refer_to_schema
from app.web.fields import Word
from config import OPEN, TITLE, VERSION

DESCRIPTION = """\
Keeps the tasks of your users. Every task belongs to the user named in the path; below any other user it does not exist.

Every error is JSON with the one member `detail`. In a body, fields that are unknown, or the server's own, are ignored;
of duplicate keys, the last one wins. A trailing slash after a path is accepted and means the same thing.
"""

# For each page, the distribution that carries its files, and where they are in it.
ASSETS = {
    "swagger_ui": ("flask-swagger-ui", "flask_swagger_ui/dist"),
    "redoc": ("flask-openapi-redoc", "flask_openapi_redoc/templates/redoc/js"),
}


def init_app(app: Flask) -> None:
    """Serve `/openapi.json`, `/docs` and `/redoc`, with all that the pages need."""
    app.config.update(
        API_TITLE=TITLE,
        API_VERSION=VERSION,
        API_SPEC_OPTIONS={"info": {"description": DESCRIPTION}},
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX="/",
        OPENAPI_SWAGGER_UI_PATH="/docs",
        OPENAPI_SWAGGER_UI_URL="/docs/assets/",
        OPENAPI_REDOC_PATH="/redoc",
        OPENAPI_REDOC_URL="/redoc/assets/redoc.standalone.js",
    )
    api.DEFAULT_ERROR_RESPONSE_NAME = None  # No error is left without a name.
    api.init_app(app, spec_kwargs={"marshmallow_plugin": _Plugin(schema_name_resolver=_name_schema)})
    for unused in ("Error", "PaginationMetadata"):
        del api.spec.components.schemas[unused]
    for name, path in (("swagger_ui", "/docs/assets"), ("redoc", "/redoc/assets")):
        app.register_blueprint(
            flask.Blueprint(name, __name__, static_folder=_find_assets(*ASSETS[name]), static_url_path=path)
        )
    document_errors()
    document_headers()
    if app.config["AUTH_MODE"] != OPEN:
        document_authentication()


class _Converter(OpenAPIConverter):
    """Add what only the schema as a whole can tell, and name the words that are used in several schemas."""

    def field2property(self, field: Field[Any]) -> dict[str, Any]:
        """Return the JSON Schema of a marshmallow field.

        Without a name, generators of clients make a class of the same words for each schema that has them.
        """
        described: dict[str, Any] = super().field2property(field)
        if not isinstance(field, Word) or not field.title:
            return described
        named = {"type": "string", "enum": [*field.words]}
        if field.title not in self.spec.components.schemas:
            self.spec.components.schema(field.title, named)
        reference = refer_to_schema(field.title)
        about = {key: value for key, value in described.items() if key in {"description", "example"}}
        return about | ({"anyOf": [reference, {"type": "null"}]} if field.allow_none else {"allOf": [reference]})

    def schema2jsonschema(self, schema: Schema) -> dict[str, Any]:
        """Return the JSON Schema of a marshmallow schema."""
        described: dict[str, Any] = super().schema2jsonschema(schema)
        return {**described, **getattr(schema, "keywords", {})}


class _Plugin(MarshmallowPlugin):
    Converter = _Converter


def _name_schema(schema: Schema | type[Schema]) -> str:
    name = schema.__name__ if isinstance(schema, type) else type(schema).__name__
    return name.removesuffix("Schema")


def _find_assets(name: str, folder: str) -> Path:
    """Return a folder of an installed distribution. Only its files are needed, so it is not imported."""
    return Path(str(distribution(name).locate_file(folder)))
