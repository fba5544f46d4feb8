"""What nginx does for the service, with the very files of `deploy/`."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from tests.support.client import Client, Tasks
from tests.support.stack import MISSING, Stack
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.stack, pytest.mark.skipif(bool(MISSING), reason=f"not installed: {MISSING}")]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("stack") / "stack", rate=1)
    yield stack
    stack.stop()


def test_too_many_requests_of_a_user_or_an_address_are_answered_429(stack: Stack) -> None:
    answers = [stack.client.of("greedy").list_tasks() for _ in range(220)]
    assert {answer.status_code for answer in answers[:150]} == {200}
    refused = answers[-1]
    assert (refused.status_code, refused.json()) == (429, {"detail": "Too Many Requests"})
    assert (refused.headers["Content-Type"], refused.headers["Retry-After"]) == ("application/json", "1")
    assert stack.client.of("modest").list_tasks().status_code == 200
    assert {stack.client.get("/health").status_code for _ in range(300)} == {200, 429}


def test_what_nginx_answers_is_json_too(stack: Stack) -> None:
    other = Client(stack.client.url)
    for method, path, status in (
        ("GET", "/metrics", 404),
        ("GET", "/api/%00/tasks", 400),
        ("TRACE", "/", 405),
        ("GET", "/" + "x" * 9000, 414),
    ):
        answer = other.request(method, path, headers={"X-Request-ID": "mine"})
        assert answer.status_code in (status, 429)
        assert (list(answer.json()), answer.headers["Content-Type"]) == (["detail"], "application/json")
        assert answer.headers["X-Request-ID"] in ("mine",) or re.fullmatch(
            "[0-9a-f]{32}", answer.headers["X-Request-ID"]
        )


def test_the_pooler_is_in_transaction_mode_and_row_security_holds_behind_it(stack: Stack) -> None:
    assert "pool_mode = transaction" in (stack.directory / "pgbouncer" / "pgbouncer.ini").read_text()
    direct = Client(stack.service.url())
    assert direct.get("/health/ready").json() == {"status": "ready", "row_security": "enforced"}
    task = direct.of("alice").create()
    assert direct.of("bob").get(task["id"]).status_code == 404


ORIGIN = "https://app.example.com"


@pytest.fixture(scope="module")
def browsed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack that pages of two origins may call, and that answers a few requests a second."""
    origins = f"https://other.example.com, {ORIGIN}"
    stack = Stack(tmp_path_factory.mktemp("browsed") / "stack", rate=1, CORS_ORIGINS=origins)
    yield stack
    stack.stop()


@pytest.mark.parametrize(
    "path", ["/metrics", "/metrics/", "//metrics", "/metrics%2F", "/%6detrics", "/metrics/x", "///metrics//"]
)
def test_no_spelling_of_the_path_of_the_metrics_passes(browsed: Stack, path: str) -> None:
    assert browsed.client.request("GET", path).status_code in (404, 429)


def test_the_service_itself_gives_its_metrics_to_no_proxy(browsed: Stack) -> None:
    direct = Client(browsed.service.url())
    assert direct.get("/metrics").status_code == 200
    for header in ("X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"):
        assert direct.request("GET", "/metrics", headers={header: "x"}).status_code == 404


def test_a_path_with_two_slashes_is_none(browsed: Stack) -> None:
    for path in ("//api/bob/tasks", "/api//bob/tasks", "/api/bob//tasks"):
        assert browsed.client.request("GET", path).status_code in (404, 429)


def test_nobody_uses_up_the_requests_of_a_user_elsewhere(tmp_path_factory: pytest.TempPathFactory) -> None:
    stack = Stack(tmp_path_factory.mktemp("limited") / "stack", rate=1)
    try:
        attacker = Client(stack.client.url)
        attacker.session.mount("http://", SourceAddress("127.0.0.2"))
        statuses = [attacker.of("alice").list_tasks().status_code for _ in range(250)]
        assert 429 in statuses
        assert {stack.client.of("alice").list_tasks().status_code for _ in range(50)} == {200}
    finally:
        stack.stop()


class SourceAddress(HTTPAdapter):
    """Connects from an address of this machine."""

    def __init__(self, address: str) -> None:
        self.address = address
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, source_address=(self.address, 0), **kwargs)


@pytest.mark.parametrize(
    ("origin", "granted"),
    [
        (ORIGIN, True),
        ("https://other.example.com", True),
        ("https://app.example.com.evil.example", False),
        ("https://xapp.example.com", False),
        ("https://other.example.com, https://app.example.com", False),
    ],
)
def test_a_page_may_read_what_nginx_answers(browsed: Stack, origin: str, granted: bool) -> None:
    body = b"x" * 70_000
    answer = browsed.client.request("POST", "/api/alice/tasks", data=body, headers={"Origin": origin})
    assert answer.status_code in (413, 429)
    if granted:
        assert answer.headers["Access-Control-Allow-Origin"] == origin
        assert answer.headers["Access-Control-Allow-Credentials"] == "true"
        assert "Retry-After" in answer.headers["Access-Control-Expose-Headers"]
    else:
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_long_lists_are_compressed_and_their_tags_still_match(browsed: Stack) -> None:
    tasks = browsed.client.of("alice-with-many")
    direct = Client(browsed.service.url()).of(tasks.user_id)
    for number in range(40):
        direct.create(f"Task {number}")
    answer = wait_for(lambda: [found] if (found := tasks.list_tasks()).status_code == 200 else None)[0]
    assert answer.headers["Content-Encoding"] == "gzip"
    tag = answer.headers["ETag"]
    assert tag.startswith("W/")
    again = wait_for(lambda: [found] if (found := ask(tasks, "GET", "", tag)).status_code != 429 else None)[0]
    assert again.status_code == 304
    task = direct.create("One more")
    weak = f'W/"{direct.get(task["id"]).headers["ETag"].strip(chr(34))}"'
    path = f"/{task['id']}"
    refused = wait_for(lambda: [found] if (found := ask(tasks, "DELETE", path, 'W/"1"')).status_code != 429 else None)[
        0
    ]
    assert refused.status_code == 412
    deleted = wait_for(lambda: [found] if (found := ask(tasks, "DELETE", path, weak)).status_code != 429 else None)[0]
    assert deleted.status_code == 200


def ask(tasks: Tasks, method: str, path: str, tag: str) -> requests.Response:
    header = "If-None-Match" if method == "GET" else "If-Match"
    return tasks.client.request(method, tasks.path + path, headers={header: tag})
