"""What the service says of itself: who it is, and how it is."""

from flask import Response, url_for
from flask.typing import ResponseReturnValue
from marshmallow import Schema, fields
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from werkzeug.exceptions import ServiceUnavailable

from app.database.readiness import fault_of, state_in_time
from app.web.errors import RETRY_AFTER, http_error
from app.web.openapi import TITLE, VERSION, Blueprint

blueprint = Blueprint("service", __name__, description="The service itself.")

ROW_SECURITY = ENFORCED, UNBOUND, OFF = ("enforced", "unbound", "off")

DEADLINE = 0.9  # seconds, for the database's answer

LINKS = {
    "openapi": "api-docs.openapi_json",
    "docs": "api-docs.openapi_swagger_ui",
    "redoc": "api-docs.openapi_redoc",
    "health": "service.health",
    "ready": "service.ready",
}


class ServiceSchema(Schema):
    """Who the service is."""

    name = fields.String(required=True, metadata={"example": TITLE})
    version = fields.String(required=True, metadata={"example": VERSION})
    links = fields.Dict(keys=fields.String(), values=fields.String(), required=True)


class StatusSchema(Schema):
    """How the service is."""

    status = fields.String(required=True)


class ReadinessSchema(StatusSchema):
    """How the service and its database are."""

    row_security = fields.String(required=True, metadata={"enum": ROW_SECURITY})


@blueprint.get("/")
@blueprint.response(200, ServiceSchema())
def index() -> ResponseReturnValue:
    """Return name, version and links."""
    return {"name": TITLE, "version": VERSION, "links": {name: url_for(end) for name, end in LINKS.items()}}


@blueprint.get("/health")
@blueprint.response(200, StatusSchema(), example={"status": "ok"})
def health() -> ResponseReturnValue:
    """Tell that the process answers."""
    return {"status": "ok"}


@blueprint.get("/health/ready")
@blueprint.response(200, ReadinessSchema(), example={"status": "ready", "row_security": ENFORCED})
@blueprint.alt_response(503, "ServiceUnavailable")
def ready() -> ResponseReturnValue:
    """Tell within a second whether the database answers and its schema is at the newest migration.

    Where not, `X-Failed-Check` says what is wrong.

    `row_security` tells whether the database itself keeps users apart: `enforced`; `unbound`, as the role in use is
    above it; or `off`.
    """
    state = state_in_time(DEADLINE)
    fault = "the database does not answer" if state is None else fault_of(state)
    if state is None or fault is not None:
        response = http_error(ServiceUnavailable(retry_after=RETRY_AFTER))
        response.headers["X-Failed-Check"] = fault
        return response
    enforced = ENFORCED if state.role_is_bound else UNBOUND
    return {"status": "ready", "row_security": enforced if state.row_security else OFF}


@blueprint.get("/metrics")
@blueprint.alt_response(200, schema={"type": "string"}, content_type="text/plain", success=True)
def metrics() -> ResponseReturnValue:
    """Return the metrics of all workers, for Prometheus."""
    registry = CollectorRegistry()
    try:
        MultiProcessCollector(registry)
    except ValueError:  # One process alone, as with `flask run`.
        registry = REGISTRY
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)
