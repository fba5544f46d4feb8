"""The lock: who gets in, who does not, and what is said to them."""

import hashlib
import hmac
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask
from flask.testing import FlaskClient
from jwt.utils import base64url_encode

from app import create_app
from app.auth.exposure import require_privacy
from config import Config, StartError
from tests.support.client import Client
from tests.support.commands import flask
from tests.support.issuer import SECRET, Issuer, claims, issuing, private_key, public_jwk, token
from tests.support.service import Service, running

NOWHERE = "postgresql://nobody@127.0.0.1:9/nothing"  # Whoever is refused must not get as far as the database.

NO_TOKEN = ("Not authenticated", 'Bearer realm="tasks"')
EXPIRED, INVALID = (
    (sentence, f'Bearer realm="tasks", error="invalid_token", error_description="{sentence}"')
    for sentence in ("Token has expired", "Invalid token")
)
Ask = Callable[..., Any]


def asking(**settings: Any) -> Ask:
    """Return a function that sends a request to the application with these settings, and no database behind it."""
    app = create_app(Config(**{"DATABASE_URL": NOWHERE, "AUTH_MODE": "secret", "JWT_SECRET": SECRET, **settings}))
    app.config["PROPAGATE_EXCEPTIONS"] = False
    client = app.test_client()

    def ask(authorization: str | None, path: str = "/api/alice/tasks", **kwargs: Any) -> Any:
        headers = {"Authorization": authorization} if authorization is not None else {}
        return client.open(path, headers=headers, **kwargs)

    return ask


@pytest.fixture(scope="module")
def ask() -> Ask:
    return asking()


def assert_refused(response: Any, because: tuple[str, str]) -> None:
    assert (response.status_code, response.json) == (401, {"detail": because[0]})
    assert response.headers["WWW-Authenticate"] == because[1]
    assert response.content_type == "application/json"


def let_in(response: Any) -> bool:
    """Tell whether a request got through to the database, which is not there."""
    assert response.status_code in (401, 403, 503), response.data
    return bool(response.status_code == 503)


def raw(header: Any, payload: Any, signature: bytes = b"") -> str:
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, payload)]
    return b".".join(base64url_encode(part) for part in (*parts, signature)).decode()


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer  "])
def test_a_good_token_lets_its_user_in(ask: Ask, algorithm: str, scheme: str) -> None:
    assert let_in(ask(f"{scheme} {token(algorithm=algorithm)}"))


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer ", "Basic YTpi", "Token x", token(), "Bearer a b"]
)
def test_without_a_token_nobody_is_let_in(ask: Ask, authorization: str | None) -> None:
    assert_refused(ask(authorization), NO_TOKEN)


def test_an_expired_token_is_refused_beyond_the_leeway(ask: Ask) -> None:
    now = int(time.time())
    assert let_in(ask(f"Bearer {token(claims(exp=now - 5))}"))
    for age in (11, 60, 10**9):
        assert_refused(ask(f"Bearer {token(claims(exp=now - age))}"), EXPIRED)


def later(seconds: int) -> int:
    return int(time.time()) + seconds


FORGED: dict[str, Callable[[], str]] = {
    "another secret": lambda: token(key=SECRET + "!"),
    "alg none": lambda: raw({"alg": "none"}, claims()),
    "alg None": lambda: raw({"alg": "None", "typ": "JWT"}, claims()),
    "alg none with a signature": lambda: raw({"alg": "none"}, claims(), b"x" * 32),
    "alg absent": lambda: raw({"typ": "JWT"}, claims(), b"x" * 32),
    "alg in lower case": lambda: raw({"alg": "hs256"}, claims(), b"x" * 32),
    "alg a list": lambda: raw({"alg": ["HS256"]}, claims(), b"x" * 32),
    "alg of the other family": lambda: token(key=private_key("RS256"), algorithm="RS256"),
    "alg EdDSA": lambda: token(key=private_key("EdDSA"), algorithm="EdDSA"),
    "crit": lambda: token(crit=["exp"], exp=1),
    "crit unknown": lambda: token(crit=["http://example.com/x"], x=True),
    "b64": lambda: raw({"alg": "HS256", "b64": False, "crit": ["b64"]}, claims(), b"x" * 32),
    "jku": lambda: token(jku="http://127.0.0.1:9/keys"),
    "jwk": lambda: token(jwk={"kty": "oct", "k": "eA"}),
    "x5u": lambda: token(x5u="http://127.0.0.1:9/cert"),
    "x5c": lambda: token(x5c=["eA=="]),
    "kid a number": lambda: raw({"alg": "HS256", "kid": 5}, claims(), b"x" * 32),
    "no signature": lambda: token().rsplit(".", 1)[0] + ".",
    "two parts": lambda: token().rsplit(".", 1)[0],
    "four parts": lambda: token() + ".x",
    "five parts": lambda: "a.b.c.d.e",
    "truncated signature": lambda: token()[:-4],
    "another payload": lambda: ".".join(
        [*token().split(".")[:1], *token(claims("alice", x=1)).split(".")[1:2], "x" * 43]
    ),
    "padding": lambda: token() + "=",
    "no sub": lambda: token(claims(None)),
    "sub a number": lambda: raw_signed({**claims(), "sub": 5}),
    "sub a list": lambda: raw_signed({**claims(), "sub": ["alice"]}),
    "no exp": lambda: token(claims(exp=None)),
    "exp a word": lambda: raw_signed({**claims(), "exp": "tomorrow"}),
    "exp null": lambda: raw_signed({**claims(), "exp": None}),
    "exp infinite": lambda: raw_signed(b'{"sub": "alice", "exp": 1e999}'),
    "exp of 5000 digits": lambda: raw_signed(b'{"sub": "alice", "exp": ' + b"9" * 5000 + b"}"),
    "not yet valid": lambda: token(claims(nbf=later(60))),
    "issued in the future": lambda: token(claims(iat=later(60))),
    "payload no object": lambda: raw_signed(b'["alice"]'),
    "payload no JSON": lambda: raw_signed(b"alice"),
    "payload deep": lambda: raw_signed(b"[" * 5000),
    "header deep": lambda: raw(b"[" * 5000, claims()),
    "header no object": lambda: raw(["HS256"], claims()),
    "garbage": lambda: "garbage",
    "dots": lambda: "..",
    "100 KB": lambda: token(claims(padding="x" * 75_000)) + "x",
    "not ASCII": lambda: "ä.ö.ü",
}


def raw_signed(payload: Any) -> str:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    signed = jwt.PyJWS().encode(body, SECRET, algorithm="HS256")
    return str(signed)


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
def test_a_forged_token_is_refused(ask: Ask, forge: Callable[[], str]) -> None:
    assert_refused(ask(f"Bearer {forge()}"), INVALID)


def test_another_users_token_is_forbidden_before_anything_else(ask: Ask) -> None:
    bobs = f"Bearer {token(claims('bob'))}"
    for method, path in (
        ("GET", "/api/alice/tasks"),
        ("POST", "/api/alice/tasks/"),
        ("GET", f"/api/alice/tasks/{uuid4()}"),
        ("HEAD", f"/api/alice/tasks/{uuid4()}"),
        ("PUT", "/api/alice/tasks/nonsense"),
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


def test_issuer_and_audience_are_required_once_they_are_configured() -> None:
    anything = asking()
    assert let_in(anything(f"Bearer {token(claims(iss='https://anyone', aud=['a', 'b']))}"))
    ask = asking(JWT_ISSUER="https://issuer.example", JWT_AUDIENCE="tasks")
    good = {"iss": "https://issuer.example", "aud": "tasks"}
    assert let_in(ask(f"Bearer {token(claims(**good))}"))
    assert let_in(ask(f"Bearer {token(claims(iss=good['iss'], aud=['other', 'tasks']))}"))
    for bad in (
        {},
        {"iss": good["iss"]},
        {"aud": good["aud"]},
        {**good, "iss": "https://issuer.example/"},
        {**good, "aud": "task"},
        {**good, "aud": []},
        {**good, "iss": ["https://issuer.example"]},
    ):
        assert_refused(ask(f"Bearer {raw_signed({**claims(), **bad})}"), INVALID)


@pytest.mark.parametrize(
    "settings",
    [
        {"AUTH_MODE": "secret"},
        {"AUTH_MODE": "secret", "JWT_SECRET": "x" * 31},
        {"AUTH_MODE": "jwks"},
        {"AUTH_MODE": "open", "JWT_SECRET": SECRET},
        {"AUTH_MODE": "open", "JWKS_URL": "https://x/y"},
        {"AUTH_MODE": "secret", "JWT_SECRET": SECRET, "JWKS_URL": "https://x/y"},
        {"AUTH_MODE": "jwks", "JWT_SECRET": SECRET, "JWKS_URL": "https://x/y"},
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(StartError, match="JWT_SECRET") as caught:
        create_app(Config(DATABASE_URL=NOWHERE, **settings))
    assert SECRET not in str(caught.value)


def test_an_open_service_for_everybody_must_be_meant(tmp_path: Path, app: Flask) -> None:
    service = Service(tmp_path / "log", host="0.0.0.0", DATABASE_URL=app.config["DATABASE_URL"])
    assert service.process.wait(60) != 0
    assert "AUTH_MODE" in service.log
    assert "ALLOW_PUBLIC_OPEN" in service.log
    assert "Traceback" not in service.log
    completed = flask("run", "--host", "0.0.0.0", DATABASE_URL=app.config["DATABASE_URL"])
    assert completed.returncode != 0
    assert "ALLOW_PUBLIC_OPEN" in completed.stderr


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "192.0.2.1", "10.0.0.1", "example.com", "127.0.0.1.example.com"])
def test_only_this_machine_is_private(app: Flask, host: str) -> None:
    for private in ("127.0.0.1", "127.9.9.9", "::1", "localhost"):
        require_privacy(app.config, [private])
    with pytest.raises(StartError, match="ALLOW_PUBLIC_OPEN"):
        require_privacy(app.config, ["127.0.0.1", host])


def test_an_open_service_for_everybody_can_be_meant(tmp_path: Path, app: Flask) -> None:
    settings = {"DATABASE_URL": app.config["DATABASE_URL"], "ALLOW_PUBLIC_OPEN": "true"}
    service = Service(tmp_path / "log", host="0.0.0.0", **settings)
    service.url()
    assert "Authentication: open" in service.log
    service.stop()


@pytest.fixture(scope="module")
def locked(app: Flask, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A real service in the mode of a shared secret."""
    log = tmp_path_factory.mktemp("locked") / "log"
    settings = {"DATABASE_URL": app.config["DATABASE_URL"], "AUTH_MODE": "secret", "JWT_SECRET": SECRET}
    with running(log, **settings) as client:
        yield client
        written = log.read_text()
    assert "Authentication: tokens signed with the shared secret" in written
    assert SECRET not in written
    assert "eyJ" not in written


def test_the_command_prints_a_token_that_works(locked: Client, app: Flask) -> None:
    settings = {"DATABASE_URL": app.config["DATABASE_URL"], "AUTH_MODE": "secret", "JWT_SECRET": SECRET}
    user_id = f"alice-{uuid4()}"
    printed = flask("token", user_id, "--expires", "90s", **settings)
    assert printed.returncode == 0, printed.stderr
    locked.session.headers["Authorization"] = f"Bearer {printed.stdout.strip()}"
    tasks = locked.of(user_id)
    created = tasks.create()
    assert tasks.all() == [created]
    assert locked.of("bob").list_tasks().status_code == 403
    del locked.session.headers["Authorization"]
    assert tasks.list_tasks().status_code == 401
    payload = jwt.decode(printed.stdout.strip(), SECRET, algorithms=["HS256"])
    assert payload["exp"] - payload["iat"] == 90
    assert flask("token", user_id, "--expires", "soon", **settings).returncode == 2
    refused = flask("token", user_id, DATABASE_URL=app.config["DATABASE_URL"])
    assert (refused.returncode, refused.stdout) == (1, "")


def test_two_authorization_headers_are_no_token(locked: Client) -> None:
    connection = HTTPConnection(locked.url.removeprefix("http://"))
    connection.putrequest("GET", "/api/alice/tasks")
    for who in ("alice", "bob"):
        connection.putheader("Authorization", f"Bearer {token(claims(who))}")
    connection.endheaders()
    response = connection.getresponse()
    assert response.status == 401
    connection.close()


def test_a_token_of_100_kb_is_refused_in_json(locked: Client) -> None:
    bearer = {"Authorization": f"Bearer {token(claims(padding='x' * 75_000))}"}
    response = locked.request("GET", "/api/alice/tasks", headers=bearer)
    assert (response.status_code, response.json()) == (431, {"detail": "Request Header Fields Too Large"})


def test_the_document_has_the_scheme_when_the_mode_asks_for_it(locked: Client, client: Client) -> None:
    document = locked.get("/openapi.json").json()
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method != "parameters":
                assert ("security" in operation) == path.startswith("/api")
                assert ({"401", "403"} <= set(operation["responses"])) == path.startswith("/api")
    assert "securitySchemes" not in client.get("/openapi.json").json()["components"]


def test_schemathesis_finds_nothing_behind_the_lock(locked: Client, tmp_path: Path) -> None:
    user_id = f"alice-{uuid4()}"
    (tmp_path / "schemathesis.toml").write_text(f'[parameters]\n"path.user_id" = "{user_id}"\n')
    completed = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{locked.url}/openapi.json"),
            *("--header", f"Authorization: Bearer {token(claims(user_id))}"),
            *("--max-examples=10", "--seed=1", "--generation-allow-x00=true", "--no-color"),
        ],
        cwd=tmp_path,
        env={**os.environ, "NO_PROXY": "*"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert completed.returncode == 0, completed.stdout + completed.stderr
    assert "No issues found" in completed.stdout


ASYMMETRIC = ["EdDSA", "ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]


@pytest.fixture(scope="module")
def keys() -> dict[str, Any]:
    return {algorithm: private_key(algorithm) for algorithm in ASYMMETRIC}


@pytest.fixture(scope="module")
def issuer(keys: dict[str, Any]) -> Iterator[Issuer]:
    with issuing(*(public_jwk(key, name, kid=name, alg=name) for name, key in keys.items())) as issuer:
        yield issuer


@pytest.fixture(scope="module")
def ask_with_keys(issuer: Issuer) -> Ask:
    return asking(AUTH_MODE="jwks", JWT_SECRET=None, JWKS_URL=issuer.url)


@pytest.mark.parametrize("algorithm", ASYMMETRIC)
def test_a_token_of_the_issuer_lets_its_user_in(ask_with_keys: Ask, keys: dict[str, Any], algorithm: str) -> None:
    good = token(key=keys[algorithm], algorithm=algorithm, kid=algorithm)
    assert let_in(ask_with_keys(f"Bearer {good}"))
    bobs = token(claims("bob"), key=keys[algorithm], algorithm=algorithm, kid=algorithm)
    assert ask_with_keys(f"Bearer {bobs}").status_code == 403


def test_a_token_shaped_as_better_auth_issues_them(ask_with_keys: Ask, keys: dict[str, Any]) -> None:
    user = {"id": "alice", "name": "Alice", "email": "alice@example.com", "emailVerified": True, "image": ""}
    base = "http://localhost:3000"
    shaped = token(claims("alice", iss=base, aud=base, **user), keys["EdDSA"], "EdDSA", kid="EdDSA", typ=None)
    assert let_in(ask_with_keys(f"Bearer {shaped}"))


def test_a_public_key_is_no_secret(ask_with_keys: Ask, keys: dict[str, Any]) -> None:
    public = keys["RS256"].public_key()
    for secret in (
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        json.dumps(public_jwk(keys["RS256"], "RS256")).encode(),
        b"",
    ):
        unsigned = raw({"alg": "HS256", "kid": "RS256"}, claims()).rsplit(".", 1)[0]
        signature = base64url_encode(hmac.digest(secret, unsigned.encode(), hashlib.sha256)).decode()
        assert_refused(ask_with_keys(f"Bearer {unsigned}.{signature}"), INVALID)


def test_keys_and_algorithms_are_not_exchangeable(ask_with_keys: Ask, keys: dict[str, Any]) -> None:
    for forged in (
        token(key=keys["ES256"], algorithm="ES256", kid="EdDSA"),
        token(key=keys["RS256"], algorithm="PS256", kid="RS256"),
        token(key=keys["RS256"], algorithm="RS512", kid="RS256"),
        token(key=private_key("EdDSA"), algorithm="EdDSA", kid="EdDSA"),
        token(key=keys["EdDSA"], algorithm="EdDSA"),
        token(key=keys["EdDSA"], algorithm="EdDSA", kid=""),
        token(key=keys["EdDSA"], algorithm="EdDSA", kid="EdDSA")[:-6],
        token(key=SECRET, algorithm="HS256"),
        raw({"alg": "none", "kid": "EdDSA"}, claims()),
        token(key=keys["EdDSA"], algorithm="EdDSA", kid="EdDSA", jku="http://127.0.0.1:9/"),
    ):
        assert_refused(ask_with_keys(f"Bearer {forged}"), INVALID)


def test_while_no_key_is_known_the_answer_is_503(issuer: Issuer) -> None:
    with issuing() as broken:
        broken.behaviour = "500"
        ask = asking(AUTH_MODE="jwks", JWT_SECRET=None, JWKS_URL=broken.url)
        response = ask(f"Bearer {token(key=private_key('EdDSA'), algorithm='EdDSA', kid='x')}")
        assert (response.status_code, response.json) == (503, {"detail": "Service temporarily unavailable"})
        assert int(response.headers["Retry-After"]) > 0
        assert_refused(ask(None), NO_TOKEN)
