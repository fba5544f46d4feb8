"""What a token opens: the tasks of its user, and nothing else below /api."""

import re
from http.client import HTTPConnection
from pathlib import Path
from uuid import uuid4

from flask.testing import FlaskClient

from app import create_app
from config import Config
from tests.support.authorization import NO_TOKEN, NOWHERE, Ask, assert_refused
from tests.support.client import Client
from tests.support.issuer import SECRET, claims, token
from tests.support.openapi import BASIC_VIEW, operations, schemathesis


def test_another_users_token_is_forbidden_before_anything_else(ask: Ask) -> None:
    bobs = f"Bearer {token(claims('bob'))}"
    for method, path in (
        ("GET", "/api/alice/tasks"),
        ("POST", "/api/alice/tasks/"),
        ("GET", f"/api/alice/tasks/{uuid4()}"),
        ("HEAD", f"/api/alice/tasks/{uuid4()}"),
        ("PUT", "/api/alice/tasks/nonsense"),
        ("PATCH", "/api/alice/tasks/nonsense"),
        ("PATCH", "/api/alice/tasks/nonsense/complete"),
        ("DELETE", f"/api/alice/tasks/{uuid4()}"),
        ("GET", "/api/Bob/tasks"),
        ("GET", "/api/bob%20/tasks"),
        ("GET", "/api/bob%00/tasks"),
        ("GET", f"/api/{'x' * 256}/tasks"),
    ):
        response = ask(bobs, path, method=method, data=b"{", content_type="text/plain")
        assert response.status_code == 403
        assert method == "HEAD" or response.data == b'{"detail":"Access forbidden"}'


def test_the_token_is_looked_at_before_the_body(ask: Ask) -> None:
    for body, content_type in ((b"{", "application/json"), (b"{}", "text/plain"), (b"x" * 70_000, "application/json")):
        response = ask(None, method="POST", data=body, content_type=content_type)
        assert_refused(response, NO_TOKEN)


def test_every_route_below_api_is_behind_the_lock_a_new_one_too() -> None:
    app = create_app(Config(DATABASE_URL=NOWHERE, AUTH_MODE="secret", JWT_SECRET=SECRET))
    app.add_url_rule("/api/new", view_func=lambda: "secret", endpoint="new", methods=["GET", "POST"])
    app.add_url_rule("/api/<user_id>/new", view_func=lambda user_id: "secret", endpoint="newer")
    client: FlaskClient = app.test_client()
    alices = {"Authorization": f"Bearer {token()}"}
    walked = 0
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<user_id>", "bob", rule.rule)
        path = re.sub(r"<[^>]+>", "x", path)
        for method in (rule.methods or set()) - {"OPTIONS"}:
            if rule.rule.startswith("/api"):
                assert client.open(path, method=method).status_code == 401
                assert client.open(path, method=method, headers=alices).status_code == 403
                walked += 1
            elif rule.rule != "/health/ready":
                assert client.open(path, method=method).status_code in (200, 404)
    assert walked > 10
    for unknown in ("/api", "/api/", "/api/x/y", "/api/bob/tasks/x/y"):
        assert client.get(unknown).status_code == 401
        assert client.get(unknown, headers=alices).status_code == 404
    assert client.options("/api/bob/tasks").status_code == 200


def test_two_authorization_headers_are_no_token(locked: Client) -> None:
    connection = HTTPConnection(locked.url.removeprefix("http://"))
    connection.putrequest("GET", "/api/alice/tasks")
    for who in ("alice", "bob"):
        connection.putheader("Authorization", f"Bearer {token(claims(who))}")
    connection.endheaders()
    response = connection.getresponse()
    assert response.status == 401
    connection.close()


def test_a_token_of_100_kb_is_refused(locked: Client) -> None:
    bearer = {"Authorization": f"Bearer {token(claims(padding='x' * 75_000))}"}
    response = locked.request("GET", "/api/alice/tasks", headers=bearer)
    assert response.status_code == 431


def test_the_document_has_the_scheme_when_the_mode_asks_for_it(locked: Client, client: Client) -> None:
    document = locked.get("/openapi.json").json()
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    for (_, path), operation in operations(document).items():
        assert operation["security"] == ([{"bearer": []}] if path.startswith("/api") else [])
        assert ({"401", "403"} <= set(operation["responses"])) == path.startswith("/api")
    assert '"security' not in client.get("/openapi.json").text


def test_schemathesis_finds_nothing_behind_the_lock(locked: Client, tmp_path: Path) -> None:
    user_id = f"alice-{uuid4()}"
    (tmp_path / "schemathesis.toml").write_text(f'[parameters]\n"path.user_id" = "{user_id}"\n')
    bearer = f"Authorization: Bearer {token(claims(user_id))}"
    completed = schemathesis(locked.url, tmp_path, "--max-examples=10", "--header", bearer, BASIC_VIEW)
    assert completed.returncode == 0, completed.stdout + completed.stderr
    assert "No issues found" in completed.stdout
