"""Who may use the service without a token, and settings that contradict each other."""

from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from app import create_app
from app.auth.exposure import require_privacy
from config import Config, StartError
from tests.support.authorization import NOWHERE
from tests.support.commands import flask
from tests.support.issuer import SECRET
from tests.support.service import Service


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


def test_an_open_service_behind_a_proxy_must_be_meant(app: Flask) -> None:
    settings = {"DATABASE_URL": app.config["DATABASE_URL"], "TRUSTED_PROXIES": 1}
    with pytest.raises(StartError, match="the proxy"):
        require_privacy(create_app(Config(**settings)).config, ["127.0.0.1"])
    require_privacy(create_app(Config(**settings, ALLOW_PUBLIC_OPEN=True)).config, ["127.0.0.1"])


@pytest.mark.parametrize(
    "header",
    ["X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Real-IP", "Forwarded", "Via", "CF-Connecting-IP"],
)
def test_an_open_service_does_not_answer_through_a_proxy(app: Flask, header: str) -> None:
    answer = app.test_client().get("/", headers={header: "192.0.2.1"})
    assert (answer.status_code, answer.json) == (403, {"detail": "An open service does not answer through a proxy"})


@pytest.mark.parametrize(
    ("host", "status"),
    [
        *(("localhost", 200), ("LOCALHOST:8000", 200), ("127.0.0.1:80", 200), ("[::1]:8000", 200), ("127.1.2.3", 200)),
        *(("evil.example", 400), ("evil.example:8000", 400), ("localhost.evil.example", 400), ("192.0.2.1", 400)),
        *(("[2001:db8::1]", 400), ("127.0.0.1.evil.example", 400), ("localhost:x", 400), ("a@localhost", 400)),
    ],
)
def test_an_open_service_is_reached_by_names_of_this_machine_only(app: Flask, host: str, status: int) -> None:
    assert app.test_client().get("/", headers={"Host": host}).status_code == status


def test_other_names_of_an_open_service_can_be_allowed(app: Flask) -> None:
    allowed = create_app(Config(DATABASE_URL=app.config["DATABASE_URL"], ALLOWED_HOSTS=("tasks.lan",)))
    for host, status in (("tasks.lan:8000", 200), ("Tasks.LAN", 200), ("other.lan", 400)):
        assert allowed.test_client().get("/", headers={"Host": host}).status_code == status


@pytest.mark.parametrize("settings", [{"AUTH_MODE": "secret", "JWT_SECRET": SECRET}, {"ALLOW_PUBLIC_OPEN": True}])
def test_a_service_for_other_machines_is_reached_by_any_name(settings: dict[str, Any]) -> None:
    served = create_app(Config(DATABASE_URL=NOWHERE, **settings)).test_client()
    headers = {"Host": "tasks.example.com", "X-Forwarded-For": "192.0.2.1"}
    assert served.get("/", headers=headers).status_code == 200


def test_a_public_open_service_keeps_to_the_names_that_are_allowed() -> None:
    config = Config(DATABASE_URL=NOWHERE, ALLOW_PUBLIC_OPEN=True, ALLOWED_HOSTS=("tasks.lan",))
    public = create_app(config).test_client()
    for host, status in (("tasks.lan", 200), ("localhost:8000", 200), ("evil.example", 400), ("192.0.2.1", 400)):
        headers = {"Host": host, "X-Forwarded-For": "192.0.2.1"}
        assert public.get("/", headers=headers).status_code == status


def test_a_load_balancer_may_check_the_health_of_an_open_service(app: Flask) -> None:
    headers = {"Host": "10.0.0.7:8000", "X-Forwarded-For": "192.0.2.1"}
    for path in ("/health", "/health/", "/health/ready"):
        assert app.test_client().get(path, headers=headers).status_code == 200
    for path in ("/", "/api/alice/tasks", "/docs", "/metrics", "/health/nothing"):
        assert app.test_client().get(path, headers=headers).status_code == 403
