"""The OpenAPI document describes the routes of the application."""

import re

from flask import Flask

from tests.support.client import Client
from tests.support.openapi import operations

PAGES = {("GET", path) for path in ("/openapi.json", "/docs", "/redoc", "/metrics")}  # No client calls them.


def test_every_route_is_documented_and_nothing_else(app: Flask, client: Client) -> None:
    document = client.get("/openapi.json").json()
    routes = {
        (method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
        if method not in ("HEAD", "OPTIONS") and not rule.endpoint.endswith("static")
    }
    assert routes > PAGES
    assert set(operations(document)) == routes - PAGES
    assert document["openapi"].startswith("3.1")
