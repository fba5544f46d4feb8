"""How many requests nginx lets through, and from whom it counts them."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from requests.adapters import HTTPAdapter

from tests.support.client import Client
from tests.support.stack import MISSING, Stack

pytestmark = [pytest.mark.stack, pytest.mark.skipif(bool(MISSING), reason=f"not installed: {MISSING}")]

BURST = {"user": 200, "client": 400}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack that stands behind a load balancer, so that a test chooses the address of its client."""
    edits = {
        "# set_real_ip_from 192.0.2.0/24;": "set_real_ip_from 127.0.0.1;",
        "# real_ip_header X-Forwarded-For;": "real_ip_header X-Forwarded-For;",
    }
    stack = Stack(tmp_path_factory.mktemp("stack") / "stack", rate=1, edits=edits)
    yield stack
    stack.stop()


def ask(stack: Stack, address: str, path: str = "/health") -> int:
    return stack.client.request("GET", path, headers={"X-Forwarded-For": address}).status_code


def test_too_many_requests_of_a_client_for_a_user_are_answered_429(stack: Stack) -> None:
    answers = [stack.client.of("greedy").list_tasks() for _ in range(BURST["user"] + 20)]
    assert {answer.status_code for answer in answers[:150]} == {200}
    refused = answers[-1]
    assert (refused.status_code, refused.json()) == (429, {"detail": "Too Many Requests"})
    assert (refused.headers["Content-Type"], refused.headers["Retry-After"]) == ("application/json", "1")
    assert refused.headers["Cache-Control"] == "no-store"
    assert stack.client.of("modest").list_tasks().status_code == 200


def test_too_many_requests_of_a_client_are_answered_429(stack: Stack) -> None:
    statuses = Counter(ask(stack, "192.0.2.1") for _ in range(BURST["client"] + 50))
    assert statuses[429] > 0 < statuses[200]
    assert ask(stack, "192.0.2.2") == 200


def test_the_addresses_of_one_network_of_ipv6_are_one_client(stack: Stack) -> None:
    network = "2001:db8:a0a:d0a"
    statuses = Counter(ask(stack, f"{network}:{number:x}::{number + 1:x}") for number in range(BURST["client"] + 50))
    assert statuses[429] > 0 < statuses[200]
    assert ask(stack, f"{network}::1") == 429
    assert ask(stack, "2001:db8:a0a:d0b::1") == 200


def test_addresses_of_ipv4_that_are_written_as_ipv6_are_clients_of_their_own(stack: Stack) -> None:
    addresses = [f"::ffff:198.51.100.{number % 250}" for number in range(BURST["client"] + 50)]
    assert Counter(ask(stack, address) for address in addresses) == {200: len(addresses)}


def test_one_network_of_ipv6_has_one_share_of_the_requests_for_a_user(stack: Stack) -> None:
    path = "/api/alice/tasks"
    statuses = Counter(ask(stack, f"2001:db8:1:1::{number:x}", path) for number in range(1, BURST["user"] + 50))
    assert statuses[429] > 0 < statuses[200]
    assert ask(stack, "2001:db8:1:2::1", path) == 200


def test_nobody_uses_up_the_requests_of_a_user_elsewhere(stack: Stack) -> None:
    attacker = Client(stack.client.url)
    attacker.session.mount("http://", SourceAddress("127.0.0.2"))
    assert 429 in [attacker.of("bob").list_tasks().status_code for _ in range(BURST["user"] + 50)]
    assert {stack.client.of("bob").list_tasks().status_code for _ in range(50)} == {200}


class SourceAddress(HTTPAdapter):
    """Connects from an address of this machine."""

    def __init__(self, address: str) -> None:
        self.address = address
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, source_address=(self.address, 0), **kwargs)
