"""What concerns browsers and proxies."""

from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from time import time

import pytest
from flask import Flask, request
from requests.structures import CaseInsensitiveDict

from app import create_app
from app.web.headers import SECURITY_HEADERS
from config import Config
from tests.support.client import Client
from tests.support.service import running
from tests.support.waiting import wait_for

ORIGIN = "https://app.example.com"


@pytest.fixture(scope="module")
def browsed(app: Flask, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A service that two web pages may call."""
    log = tmp_path_factory.mktemp("browsed") / "log"
    origins = f"{ORIGIN}, http://localhost:3000"
    settings = {"DATABASE_URL": app.config["DATABASE_URL"], "CORS_ORIGINS": origins, "ALLOW_PUBLIC_OPEN": "true"}
    with running(log, **settings) as client:
        yield client


def cors(headers: Mapping[str, str]) -> CaseInsensitiveDict[str]:
    prefix = "access-control-"
    return CaseInsensitiveDict({name: value for name, value in headers.items() if name.lower().startswith(prefix)})


def test_every_answer_has_the_security_headers(client: Client) -> None:
    for method, path in (
        ("GET", "/"),
        ("GET", "/docs"),
        ("GET", "/static/redoc.js"),
        ("GET", "/api/alice/tasks"),
        ("POST", "/api/alice/tasks"),
        ("GET", "/api/alice/tasks/x"),
        ("PATCH", "/api/alice/tasks"),
        ("OPTIONS", "/api/alice/tasks"),
        ("GET", "/nope"),
        ("GET", "/" + "x" * 9000),
    ):
        headers = client.request(method, path).headers
        assert {name: headers.get(name) for name, _ in SECURITY_HEADERS} == dict(SECURITY_HEADERS)
        if path.startswith("/api"):
            assert headers["Cache-Control"] == ("private, no-cache" if "ETag" in headers else "no-store")


def test_a_configured_page_may_call_and_read(browsed: Client) -> None:
    for origin in (ORIGIN, "http://localhost:3000"):
        preflight = browsed.request(
            "OPTIONS",
            "/api/alice/tasks",
            headers={
                "Origin": origin,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "authorization, content-type, if-match, x-other",
            },
        )
        assert preflight.status_code == 200
        granted = cors(preflight.headers)
        assert granted["Access-Control-Allow-Origin"] == origin
        assert {"GET", "POST", "PUT", "PATCH", "DELETE"} <= set(granted["Access-Control-Allow-Methods"].split(", "))
        assert granted["Access-Control-Allow-Headers"].lower() == "authorization, content-type, if-match"
        assert int(granted["Access-Control-Max-Age"]) > 600
        assert granted["Access-Control-Allow-Credentials"] == "true"
        for path, status in (("/api/alice/tasks", 200), ("/api/alice/tasks/x", 404), ("/nope", 404)):
            answer = browsed.request("GET", path, headers={"Origin": origin})
            assert answer.status_code == status
            assert answer.headers["Access-Control-Allow-Origin"] == origin
            assert {"ETag", "Link", "Location", "X-Total-Count"} <= set(
                answer.headers["Access-Control-Expose-Headers"].split(", ")
            )
            assert "Origin" in answer.headers["Vary"]


@pytest.mark.parametrize("path", ["/nope", "//api/alice/tasks", "/metrics/x", "/api/alice/nope", "/api/%00/tasks"])
def test_a_page_may_read_that_its_path_is_wrong(browsed: Client, client: Client, path: str) -> None:
    headers = {"Origin": ORIGIN, "Access-Control-Request-Method": "PUT"}
    preflight = browsed.request("OPTIONS", path, headers=headers)
    assert preflight.ok
    assert "PUT" in preflight.headers["Access-Control-Allow-Methods"]
    answer = browsed.request("PUT", path, headers={"Origin": ORIGIN})
    assert answer.status_code >= 400
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert client.request("OPTIONS", "/nope", headers=headers).status_code == 404


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://app.example.com",
        "https://app.example.com.evil.example",
        "https://app-example.com",
        "https://xapp.example.com",
        "https://app.example.com:444",
        "null",
        "*",
    ],
)
def test_no_other_page_may(browsed: Client, client: Client, origin: str) -> None:
    for service, asking in ((browsed, origin), (client, ORIGIN)):
        for method in ("GET", "OPTIONS"):
            headers = {"Origin": asking, "Access-Control-Request-Method": "POST"}
            assert cors(service.request(method, "/api/alice/tasks", headers=headers).headers) == {}


def test_the_server_itself_believes_no_proxy(browsed: Client) -> None:
    headers = {"SCRIPT_NAME": "/api", "PATH_INFO": "/nope", "X-Forwarded-Proto": "https", "X-Forwarded-SSL": "off"}
    assert browsed.request("GET", "/health", headers=headers).status_code == 200


def test_every_answer_tells_when_it_was_made(client: Client) -> None:
    def told() -> float:
        before, answer = int(time()), client.get("/health")
        date = parsedate_to_datetime(answer.headers["Date"]).timestamp()
        assert before <= date <= time()
        return date

    first = told()
    wait_for(lambda: told() > first)


@pytest.mark.parametrize(("proxies", "seen"), [(0, "192.0.2.9"), (1, "198.51.100.2"), (2, "198.51.100.1")])
def test_only_trusted_proxies_are_believed(app: Flask, proxies: int, seen: str) -> None:
    settings = {"DATABASE_URL": app.config["DATABASE_URL"], "TRUSTED_PROXIES": proxies, "ALLOW_PUBLIC_OPEN": True}
    proxied = create_app(Config(**settings, REQUEST_TELEMETRY=False))  # The metrics know the routes of ours only.
    proxied.add_url_rule("/address", view_func=lambda: str(request.remote_addr), endpoint="address")
    forwarded = {"X-Forwarded-For": "203.0.113.1, 198.51.100.1, 198.51.100.2"}
    answer = proxied.test_client().get("/address", headers=forwarded, environ_base={"REMOTE_ADDR": "192.0.2.9"})
    assert answer.text == seen
