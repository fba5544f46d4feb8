"""A plugin for pytest: the service that `make contract` names, instead of one that is started for the tests.

It runs somewhere at `URL`. Where it asks for tokens, `TOKEN_SECRET` is the secret that signs them.
"""

import os
from uuid import uuid4

import pytest
import requests

from tests.support.client import Client

URL = os.environ["URL"].rstrip("/")
TOKEN_SECRET = os.environ.get("TOKEN_SECRET") or None


def pytest_report_header() -> str:
    """Say in the head of the report what is tested."""
    return f"service: {URL}, {'with tokens' if TOKEN_SECRET else 'without tokens'}"


def pytest_sessionstart() -> None:
    """End at once where nothing answers, or where tokens are missing or refused."""
    try:
        answer = Client(URL, TOKEN_SECRET).of(f"alice-{uuid4()}").list_tasks()
    except requests.RequestException as error:
        pytest.exit(f"Nothing answers at {URL}: {error}", returncode=2)
    if answer.status_code in (401, 403):
        missing = "it refuses those that TOKEN_SECRET signs" if TOKEN_SECRET else "TOKEN_SECRET is to sign them"
        pytest.exit(f"{URL} asks for tokens, and {missing}: {answer.status_code} {answer.text}", returncode=2)


@pytest.fixture(scope="session")
def client() -> Client:
    """A client of the service."""
    return Client(URL, TOKEN_SECRET)


@pytest.fixture(scope="session")
def locked() -> Client:
    """A client of a service that asks for tokens, which sends none by itself."""
    if TOKEN_SECRET is None:
        pytest.skip("tokens are tested where TOKEN_SECRET signs them")
    return Client(URL)


@pytest.fixture(scope="session")
def secret() -> str:
    """The secret that signs tokens for `locked`."""
    return str(TOKEN_SECRET)
