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
    *("MCP_API_URL", "MCP_TOKEN"),
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


@pytest.mark.parametrize("name", ["JWT_SECRET", "JWT_ISSUER", "JWT_AUDIENCE", "JWKS_URL", "MCP_API_URL", "MCP_TOKEN"])
@pytest.mark.parametrize("space", ["\n", " ", "\t", "\r\n", "\u00a0"])
def test_what_must_match_exactly_has_no_white_space_around_it(
    monkeypatch: pytest.MonkeyPatch, name: str, space: str
) -> None:
    value = "https://app.example.com" if name == "MCP_API_URL" else "https://app.example.com/of more than 32 bytes"
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


@pytest.mark.parametrize(
    "origin",
    [
        *("*", "app.example.com", "https://app.example.com/", "https://*.example.com", "ftp://app.example.com"),
        *("https://App.example.com", "https://app.example.com:443", "http://localhost:80", "http://localhost:080"),
        *(
            "https://[2001:DB8::1]",
            "https://[2001:db8:0::1]",
            "https://[::x]",
            "https://[2001:db8::1]:443",
            "https://[",
        ),
        *("https://bücher.example", "https://a.example|https://b.example", "https://a@b.example"),
    ],
)
def test_what_no_browser_sends_is_no_origin(monkeypatch: pytest.MonkeyPatch, origin: str) -> None:
    monkeypatch.setenv("CORS_ORIGINS", f"https://other.example.com, {origin}")
    with pytest.raises(StartError, match="CORS_ORIGINS: must be origins as browsers send them"):
        Config.from_environment()


def test_origins_are_separated_by_commas_or_spaces(monkeypatch: pytest.MonkeyPatch) -> None:
    origins = ["https://app.example.com", "http://my_app:3000", "https://[2001:db8::1]:8443", "http://127.0.0.1:5173"]
    for separator in (",", ", ", " "):
        monkeypatch.setenv("CORS_ORIGINS", separator.join(origins))
        assert list(Config.from_environment().CORS_ORIGINS) == origins


def test_a_host_has_neither_port_nor_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOWED_HOSTS", "tasks.lan,Other_1.lan, 192.0.2.1 2001:db8::1")
    assert Config.from_environment().ALLOWED_HOSTS == ("tasks.lan", "Other_1.lan", "192.0.2.1", "2001:db8::1")
    for host in ("tasks.lan:8000", "https://tasks.lan", "*", "[2001:db8::1]", "tasks.lan/"):
        monkeypatch.setenv("ALLOWED_HOSTS", host)
        with pytest.raises(StartError, match="ALLOWED_HOSTS: must be names or addresses, without a port"):
            Config.from_environment()


@pytest.mark.parametrize("url", ["ftp://example.com", "example.com", "https://example.com/api"])
def test_what_is_no_url_of_a_service_is_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("MCP_API_URL", url)
    with pytest.raises(StartError, match="MCP_API_URL: must be the URL of the service"):
        Config.from_environment()
