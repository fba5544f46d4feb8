"""The service itself: its name and links, its health, its metrics."""

from flask import Response, current_app, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import Schema, fields
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from werkzeug.exceptions import NotFound, ServiceUnavailable

from app.database.readiness import find_fault, read_state_in_time
from app.telemetry.metrics import render_metrics
from app.web.blueprint import Blueprint
from app.web.errors import RETRY_AFTER, http_error
from app.web.hosts import is_forwarded
from config import TITLE, VERSION

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
    """Name, version and links."""

    name = fields.String(required=True, metadata={"example": TITLE})
    version = fields.String(required=True, metadata={"example": VERSION})
    links = fields.Dict(keys=fields.String(), values=fields.String(), required=True)


class StatusSchema(Schema):
    """That the process answers."""

    status = fields.String(required=True)


class ReadinessSchema(StatusSchema):
    """That the database is prepared, and whether it keeps the users apart."""

    row_security = fields.String(required=True, metadata={"enum": ROW_SECURITY})
    read_only = fields.Boolean(metadata={"description": "Only there, and true, where the database is a standby."})


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
    """Tell within a second whether the database answers and its schema is at the newest migration, or at a later one.

    Where not, or where the database refuses to write, `X-Failed-Check` says what is wrong. A standby, which is there
    for reads, is ready, and `read_only` is true.

    `row_security` tells whether the database itself keeps users apart: `enforced`; `unbound`, as the role in use is
    above it; or `off`.
    """
    state = read_state_in_time(DEADLINE)
    reason = "the database does not answer" if state is None else find_fault(state)
    if state is None or reason is not None:
        response = http_error(ServiceUnavailable(retry_after=RETRY_AFTER))
        response.headers["X-Failed-Check"] = reason
        return response
    enforced = ENFORCED if state.role_is_bound else UNBOUND
    answer: dict[str, object] = {"status": "ready", "row_security": enforced if state.row_security else OFF}
    if state.is_read_only:
        answer["read_only"] = True
    return answer


@blueprint.get("/metrics", documented=False)
def metrics() -> ResponseReturnValue:
    """Return the metrics of all workers, for Prometheus, which asks the service itself and not through a proxy."""
    if is_forwarded(request.environ) and not current_app.config["METRICS_THROUGH_PROXY"]:
        raise NotFound()
    return Response(render_metrics(), content_type=CONTENT_TYPE_PLAIN_0_0_4)
