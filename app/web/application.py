"""Flask, without what this service has no use for."""

from collections.abc import Callable
from typing import Any

from flask import Flask, Request
from werkzeug.routing import MapAdapter


class Application(Flask):
    """Flask, but all views are synchronous, and no route depends on the name of the host.

    To find that out for each request takes an eighth of what reading a task takes in Python.
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
