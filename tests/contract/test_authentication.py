"""Tokens, where the service asks for them: who is let in, and what the others are answered."""

import time
from typing import Any
from uuid import uuid4

import jwt
import pytest
import requests

from tests.support.client import Client
from tests.support.promises import promise

pytestmark = pytest.mark.part1

WRONG_SECRET = "some other secret of more than 32 bytes, which signs nothing here"


def sign(secret: str, algorithm: str = "HS256", **claims: Any) -> str:
    """Sign a token of these claims; what is None is left out, and `exp` is near unless given."""
    claims = {"exp": int(time.time()) + 900, **claims}
    payload = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(payload, secret, algorithm=algorithm)


def ask(locked: Client, user_id: str, token: str | None, method: str = "GET", **kwargs: Any) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    return locked.request(method, f"/api/{user_id}/tasks", headers=headers, **kwargs)


@pytest.fixture
def user_id() -> str:
    return f"alice-{uuid4()}"


@promise("docs/authentication.md#authentication", "The claim `sub` of a token must be the `user_id` in the path.")
def test_the_bearer_of_a_good_token_is_let_in(locked: Client, secret: str, user_id: str) -> None:
    token = sign(secret, sub=user_id)
    created = ask(locked, user_id, token, "POST", json={"title": "Buy milk"})
    assert created.status_code == 201
    assert ask(locked, user_id, token).json() == [created.json()]


@promise("docs/authentication.md#answers", 'there is no bearer token | `"Not authenticated"`')
def test_who_has_no_token_is_not_let_in(locked: Client, secret: str, user_id: str) -> None:
    for header in ({}, {"Authorization": "Basic YTpi"}, {"Authorization": sign(secret, sub=user_id)}):
        response = locked.request("GET", f"/api/{user_id}/tasks", headers=header)
        assert (response.status_code, response.json()) == (401, {"detail": "Not authenticated"})
        assert response.headers["WWW-Authenticate"].startswith("Bearer")


@promise("docs/authentication.md#answers", "the token is forged, malformed, not yet valid, or for another service")
def test_a_bad_token_is_refused(locked: Client, secret: str, user_id: str) -> None:
    good = sign(secret, sub=user_id)
    payload = good.split(".")[1]
    for token in (
        "nonsense",
        good[:-3],
        f"{good}.x",
        f"eyJhbGciOiJub25lIn0.{payload}.",  # {"alg":"none"}
        sign(WRONG_SECRET, sub=user_id),
        sign(secret, sub=user_id, exp=None),
        sign(secret, sub=None),
        sign(secret, sub=user_id, nbf=int(time.time()) + 3600),
    ):
        response = ask(locked, user_id, token)
        assert (response.status_code, response.json()) == (401, {"detail": "Invalid token"}), token
        assert response.headers["WWW-Authenticate"].startswith("Bearer")


@promise("docs/authentication.md#answers", 'the token is valid, but its time is over | `"Token has expired"`')
def test_an_old_token_is_refused(locked: Client, secret: str, user_id: str) -> None:
    response = ask(locked, user_id, sign(secret, sub=user_id, exp=int(time.time()) - 3600))
    assert (response.status_code, response.json()) == (401, {"detail": "Token has expired"})


@promise("docs/authentication.md#answers", """the token is valid, but another user's | `"Access forbidden"`""")
def test_a_token_of_another_user_is_refused(locked: Client, secret: str, user_id: str) -> None:
    for other in (f"bob-{uuid4()}", user_id.upper(), f"{user_id} "):
        response = ask(locked, user_id, sign(secret, sub=other))
        assert (response.status_code, response.json()) == (403, {"detail": "Access forbidden"})


@promise("docs/authentication.md#answers", "The token is checked before anything else of the request is")
def test_the_token_is_checked_before_the_body(locked: Client, secret: str, user_id: str) -> None:
    for token, status in ((None, 401), (sign(secret, sub="bob"), 403)):
        assert ask(locked, user_id, token, "POST", data=b"{").status_code == status
        assert ask(locked, user_id, token, "POST", json={"title": ""}).status_code == status
    assert ask(locked, user_id, sign(secret, sub=user_id)).json() == []


@promise("docs/authentication.md#answers", "Only `OPTIONS` needs no token, because browsers send it without one.")
def test_options_need_no_token(locked: Client, user_id: str) -> None:
    assert ask(locked, user_id, None, "OPTIONS").status_code in (200, 204)


@promise("docs/authentication.md#answers", "The paths outside of `/api` need no token.")
def test_paths_outside_of_the_api_need_no_token(locked: Client) -> None:
    for path in ("/", "/health", "/openapi.json"):
        assert locked.get(path).status_code == 200
