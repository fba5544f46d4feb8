"""The OpenAPI document describes the routes of the application, and what they do."""

import re
from pathlib import Path

from flask import Flask

from tests.support.client import Client
from tests.support.openapi import BASIC_VIEW, operations, schemathesis

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


def test_schemathesis_finds_nothing(client: Client, tmp_path: Path) -> None:
    completed = schemathesis(client.url, tmp_path, "--max-examples=20", BASIC_VIEW)
    assert completed.returncode == 0, completed.stdout + completed.stderr
    assert "No issues found" in completed.stdout
