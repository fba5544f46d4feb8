"""The settings."""

import re
from urllib.parse import quote

import pytest

from config import ROOT, Config, StartError

SETTINGS = (
    *("DATABASE_URL", "ROW_SECURITY", "HOST", "PORT", "WEB_CONCURRENCY", "THREADS", "MAX_BODY_BYTES"),
    *("DATABASE_CONNECTION_MAX_AGE", "WORKER_CLASS", "DEFAULT_VIEW", "MAX_TASKS_PER_USER"),
    *(
        "REQUEST_TELEMETRY",
        "TRUSTED_PROXIES",
        "CORS_ORIGINS",
        "ALLOWED_HOSTS",
        "METRICS_THROUGH_PROXY",
        "AUTH_MODE",
        "ALLOW_PUBLIC_OPEN",
    ),
    *("JWT_SECRET", "JWKS_URL", "JWKS_MAX_STALE", "JWT_ISSUER", "JWT_AUDIENCE", "JWT_LEEWAY"),
)


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)


def test_the_example_names_every_setting_with_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    example = dict(re.findall(r"^(\w+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert set(example) == set(SETTINGS)
    source = (ROOT / "config.py").read_text()
    assert set(re.findall(r'(?:text|number|switch)\("(\w+)"', source)) == set(SETTINGS)
    defaults = Config.from_environment()
    for name, value in example.items():
        monkeypatch.setenv(name, value)
    assert Config.from_environment() == defaults


def test_a_setting_that_is_empty_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    defaults = Config.from_environment()
    for name in SETTINGS:
        monkeypatch.setenv(name, "")
    assert Config.from_environment() == defaults


def test_all_bad_settings_are_told_at_once_and_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    bad = {"DATABASE_URL": "mysql://me:secret@host/db", "PORT": "65536", "THREADS": "many", "WORKER_CLASS": "sync"}
    for name, value in bad.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(StartError) as caught:
        Config.from_environment()
    assert all(name in str(caught.value) for name in bad)
    assert "secret" not in str(caught.value)
    assert isinstance(caught.value, SystemExit)


@pytest.mark.parametrize("name", ["JWT_SECRET", "JWT_ISSUER", "JWT_AUDIENCE", "JWKS_URL"])
@pytest.mark.parametrize("space", ["\n", " ", "\t", "\r\n", "\u00a0"])
def test_what_must_match_exactly_has_no_white_space_around_it(
    monkeypatch: pytest.MonkeyPatch, name: str, space: str
) -> None:
    value = "https://app.example.com/of more than 32 bytes"
    for spaced in (value + space, space + value, space):
        monkeypatch.setenv(name, spaced)
        with pytest.raises(StartError, match=f"{name}: must not begin or end with white space") as caught:
            Config.from_environment()
        assert "example" not in str(caught.value)
    monkeypatch.setenv(name, value)
    assert value in vars(Config.from_environment()).values()


@pytest.mark.parametrize("password", ["pass@word", "p@ss/word", "@"])
def test_a_password_is_not_taken_for_a_host(monkeypatch: pytest.MonkeyPatch, password: str) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgresql://me:{password}@db.example.com/tasks")
    with pytest.raises(StartError, match=r"DATABASE_URL: an @ in .* must be written as %40") as caught:
        Config.from_environment()
    assert "word" not in str(caught.value).replace("the password", "")
    monkeypatch.setenv("DATABASE_URL", f"postgresql://me:{quote(password, safe='')}@db.example.com/tasks")
    assert Config.from_environment().DATABASE_URL


@pytest.mark.parametrize("url", ["postgres", "sqlite://", "postgresql+psycopg://x/y", "://", "postgresql://h:port/x"])
def test_a_url_that_psycopg2_cannot_open_is_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(StartError, match="DATABASE_URL"):
        Config.from_environment()
