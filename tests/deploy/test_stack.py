"""What nginx does for the service, with the very files of `deploy/`."""

import re
from collections.abc import Iterator

import pytest

from tests.support.client import Client
from tests.support.stack import MISSING, Stack

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
