"""What all tests over HTTP share, whether the service is started for them or runs somewhere already."""

from uuid import uuid4

import pytest
from hypothesis import settings

from tests.support.client import Client, Tasks

# A failure must come back in the next run; and a machine under load is no fault of the code.
settings.register_profile("tasks", derandomize=True, deadline=None)
settings.load_profile("tasks")

MARKERS = (
    "part1: what every client gets",
    "part2: what a client gets if it asks",
    "promise(where, words): the sentence of the documentation that a failure breaks, by its chapter and some words",
)


def pytest_configure(config: pytest.Config) -> None:
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)


@pytest.fixture
def alice(client: Client) -> Tasks:
    """The tasks of a user whom no other test has."""
    return client.of(f"alice-{uuid4()}")


@pytest.fixture
def bob(client: Client) -> Tasks:
    """The tasks of another such user."""
    return client.of(f"bob-{uuid4()}")
