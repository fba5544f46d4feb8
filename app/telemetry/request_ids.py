"""The id of each request: the client's, where it is well formed, or a new one."""

import random
import re
from wsgiref.types import WSGIEnvironment

REQUEST_ID = "tasks.request_id"  # in the WSGI environment
WELL_FORMED = re.compile(r"[A-Za-z0-9._~-]{1,128}", re.ASCII)


def take_request_id(environ: WSGIEnvironment) -> str:
    """Note the id of a request in its WSGI environment, and return it."""
    sent = environ.get("HTTP_X_REQUEST_ID", "")
    request_id: str = sent if WELL_FORMED.fullmatch(sent) else new_request_id()
    environ[REQUEST_ID] = request_id
    return request_id


def new_request_id() -> str:
    """Make an id that no other request has. It is no secret."""
    return f"{random.getrandbits(128):032x}"
