"""What pages of other origins can do through nginx: they can read each answer, be it the service's or nginx's."""

from collections.abc import Iterator, Mapping

import pytest
import requests

from app.web.headers import ALLOWED, EXPOSED, METHODS, PREFLIGHT_MAX_AGE
from tests.support.client import Client
from tests.support.stack import MISSING, Stack

pytestmark = [pytest.mark.stack, pytest.mark.skipif(bool(MISSING), reason=f"not installed: {MISSING}")]

ORIGIN = "https://app.example.com"
ALLOWED_ORIGINS = (ORIGIN, "https://other.example.com", "http://[2001:db8::1]:3000")
OTHER_ORIGINS = (
    "https://app.example.com.evil.example",
    "https://xapp.example.com",
    "https://app-example.com",
    "http://app.example.com",
    "https://app.example.com:8443",
    "https://other.example.com, https://app.example.com",
    "https://a.example|https://a.example",
    "null",
    "",
)
TASKS = "/api/alice/tasks"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack that pages of some origins may call, and that answers a few requests a second."""
    stack = Stack(tmp_path_factory.mktemp("pages") / "stack", rate=1, CORS_ORIGINS=", ".join(ALLOWED_ORIGINS))
    yield stack
    stack.stop()


@pytest.fixture(scope="module")
def exhausted(stack: Stack) -> Stack:
    """The stack, after this client and user have used up their requests."""
    while stack.client.get(TASKS).status_code != 429:
        pass
    while stack.client.get("/health").status_code != 429:
        pass
    return stack


def words(header: str) -> set[str]:
    return {word.strip() for word in header.split(",")}


def require_readable(headers: Mapping[str, str], origin: str) -> None:
    assert headers["Access-Control-Allow-Origin"] == origin
    assert headers["Access-Control-Allow-Credentials"] == "true"
    assert words(headers["Access-Control-Expose-Headers"]) == set(EXPOSED)
    assert "Origin" in words(headers["Vary"])


def preflight(client: Client, origin: str = ORIGIN, path: str = TASKS) -> requests.Response:
    """Ask whether a page may send a PUT with each of the headers that are allowed."""
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": ",".join(sorted(ALLOWED)).lower(),
    }
    return client.request("OPTIONS", path, headers=headers)


@pytest.mark.parametrize("origin", ALLOWED_ORIGINS)
def test_a_page_may_read_what_nginx_answers(stack: Stack, origin: str) -> None:
    for method, path, body, status in (
        ("POST", TASKS, b"x" * 70_000, 413),
        ("GET", "/metrics", None, 404),
        ("GET", "//api", None, 404),
    ):
        answer = stack.client.request(method, path, data=body, headers={"Origin": origin})
        assert answer.status_code in (status, 429)
        require_readable(answer.headers, origin)


@pytest.mark.parametrize("origin", OTHER_ORIGINS)
def test_no_other_page_may_read_it(stack: Stack, origin: str) -> None:
    answer = stack.client.request("POST", TASKS, data=b"x" * 70_000, headers={"Origin": origin})
    assert not [name for name in answer.headers if name.startswith("Access-Control-")]
    assert not [name for name in preflight(stack.client, origin).headers if name.startswith("Access-Control-")]


def test_nginx_allows_what_the_service_allows(stack: Stack) -> None:
    direct = Client(stack.service.url())
    for headers in (preflight(stack.client).headers, preflight(direct).headers):
        assert headers["Access-Control-Allow-Origin"] == ORIGIN
        assert headers["Access-Control-Allow-Credentials"] == "true"
        assert headers["Access-Control-Max-Age"] == str(PREFLIGHT_MAX_AGE)
        assert words(headers["Access-Control-Allow-Methods"]) == set(METHODS)
        assert words(headers["Access-Control-Allow-Headers"].lower()) == {name.lower() for name in ALLOWED}


def test_a_page_learns_when_to_try_again(exhausted: Stack) -> None:
    for path in (TASKS, "/health", "/nothing"):
        for _ in range(50):
            assert preflight(exhausted.client, path=path).status_code == 204
    answers = [exhausted.client.request("GET", TASKS, headers={"Origin": ORIGIN}) for _ in range(20)]
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.headers["Retry-After"] == "1"
    require_readable(refused.headers, ORIGIN)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": ORIGIN},
        {"Access-Control-Request-Method": "PUT"},
        {"Origin": OTHER_ORIGINS[0], "Access-Control-Request-Method": "PUT"},
    ],
)
def test_what_is_no_preflight_of_an_allowed_page_is_limited(exhausted: Stack, headers: dict[str, str]) -> None:
    statuses = {exhausted.client.request("OPTIONS", TASKS, headers=headers).status_code for _ in range(20)}
    assert 429 in statuses


def test_a_page_may_read_that_the_service_is_away(tmp_path_factory: pytest.TempPathFactory) -> None:
    stack = Stack(tmp_path_factory.mktemp("away") / "stack", CORS_ORIGINS=ORIGIN)
    try:
        stack.service.stop()
        assert preflight(stack.client).status_code == 204
        answer = stack.client.request("PUT", f"{TASKS}/1", json={}, headers={"Origin": ORIGIN})
        assert (answer.status_code, answer.json()) == (503, {"detail": "Service temporarily unavailable"})
        assert answer.headers["Retry-After"] == "1"
        require_readable(answer.headers, ORIGIN)
    finally:
        stack.stop()
