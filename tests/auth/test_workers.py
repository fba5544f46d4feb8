"""A real service whose tokens are an issuer's: what its workers share, and what its log tells."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.support.client import Client
from tests.support.issuer import Issuer, claims, issuing, private_key, public_jwk, token
from tests.support.service import Service
from tests.support.waiting import wait_for

OLD_KEY, NEW_KEY = private_key("EdDSA"), private_key("EdDSA")
OLD, NEW = public_jwk(OLD_KEY, "EdDSA", kid="old"), public_jwk(NEW_KEY, "EdDSA", kid="new")

Serve = Callable[..., Any]


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with issuing(OLD) as issuer:
        yield issuer


@pytest.fixture
def serve(app: Flask, tmp_path: Path, issuer: Issuer) -> Serve:
    """A function that runs a service with the keys of the issuer for as long as a block takes."""

    @contextmanager
    def serve(**settings: str) -> Iterator[Service]:
        service = Service(
            tmp_path / "log",
            **{"DATABASE_URL": app.config["DATABASE_URL"], "AUTH_MODE": "jwks", "JWKS_URL": issuer.url, **settings},
        )
        try:
            service.url()
            yield service
        finally:
            service.stop()

    return serve


def ask(service: Service, key: Any = OLD_KEY, kid: str = "old", **others: Any) -> Any:
    """Send a request, on a connection of its own, which any worker may take."""
    bearer = {"Authorization": f"Bearer {token(claims(**others), key, 'EdDSA', kid=kid)}"}
    return Client(service.url()).request("GET", "/api/alice/tasks", headers=bearer)


def test_all_workers_share_one_set_that_outlives_them(serve: Serve, issuer: Issuer) -> None:
    with serve() as service:
        assert {ask(service).status_code for _ in range(20)} == {200}
        assert issuer.fetches == 1
        issuer.behaviour = "500"

        old = service.workers()
        for pid in old:
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: len(service.workers()) == 2 * len(old))
        assert {ask(service).status_code for _ in range(20)} == {200}

        replaced = service.workers()[-len(old) :]
        os.kill(service.process.pid, signal.SIGHUP)
        wait_for(lambda: len(service.workers()) == 3 * len(old))
        wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in replaced))
        assert {ask(service).status_code for _ in range(20)} == {200}
        assert issuer.fetches <= 2


def test_a_key_that_was_just_rotated_is_never_refused(serve: Serve, issuer: Issuer) -> None:
    with serve() as service:
        assert ask(service).status_code == 200
        assert ask(service, NEW_KEY, "bogus").status_code in (401, 503)
        issuer.keys = [OLD, NEW]
        statuses = []

        def is_let_in() -> bool:
            response = ask(service, NEW_KEY, "new")
            statuses.append(response.status_code)
            assert response.status_code == 200 or 1 <= int(response.headers["Retry-After"]) <= 5
            return bool(response.status_code == 200)

        wait_for(is_let_in)
        assert set(statuses) <= {200, 503}
        assert {ask(service, NEW_KEY, "new").status_code for _ in range(20)} == {200}
        assert issuer.fetches <= 3


def test_an_issuer_that_hangs_at_the_start_keeps_nobody_else_waiting(serve: Serve, issuer: Issuer) -> None:
    issuer.behaviour = "hang"
    with serve(WEB_CONCURRENCY="1", THREADS="2") as service, ThreadPoolExecutor(10) as pool:
        assert "so no token can be verified: the issuer takes longer than 3 s" in service.log
        refused = [pool.submit(ask, service) for _ in range(20)]
        for _ in range(20):
            start = time.monotonic()
            assert Client(service.url()).get("/health").status_code == 200
            assert time.monotonic() - start < 1
        assert {answer.result().status_code for answer in refused} == {503}
        issuer.behaviour = "well"
        wait_for(lambda: ask(service).status_code == 200)


def test_the_log_tells_why_a_token_is_refused_and_the_answer_does_not(serve: Serve, issuer: Issuer) -> None:
    past = int(time.time()) - 3600
    good = {"aud": "tasks", "iss": "us"}
    cases: list[tuple[str, dict[str, Any], Any, str]] = [
        (r"aud is 'tasks\n': Audience doesn't match", {**good, "aud": "tasks\n"}, OLD_KEY, "old"),
        ("aud is ['a', 'b']: Audience doesn't match", {**good, "aud": ["a", "b"]}, OLD_KEY, "old"),
        ('Token is missing the "aud" claim', {"iss": "us"}, OLD_KEY, "old"),
        ("iss is 'them': Invalid issuer", {**good, "iss": "them"}, OLD_KEY, "old"),
        (f"exp is {past}: Signature has expired", {**good, "exp": past}, OLD_KEY, "old"),
        ("The token is not yet valid (nbf)", {**good, "nbf": past + 7200}, OLD_KEY, "old"),
        ("it is for the user 'bob'", {**good, "sub": "bob"}, OLD_KEY, "old"),
        ("Signature verification failed", good, NEW_KEY, "old"),
        (f"the key set has no key '{'x' * 99}", good, NEW_KEY, "x" * 200),
    ]
    with serve(JWT_AUDIENCE="tasks", JWT_ISSUER="us") as service:
        for reason, others, key, kid in cases:
            response = ask(service, key, kid, **others)
            assert response.status_code in (401, 403, 503)
            assert reason not in response.text + str(response.headers)
            request_id = response.headers["X-Request-ID"]
            lines = [json.loads(line) for line in service.log.splitlines() if request_id in line]
            (told,) = [line for line in lines if line["logger"] == "app.owner"]
            assert told["level"] == "WARNING"
            assert told["message"].startswith(f"The token is refused: {reason}")
            assert len(told["message"]) < 300
        basic = {"Authorization": "Basic YTpi"}
        assert service.client.request("GET", "/api/alice/tasks", headers=basic).status_code == 401
        assert "The header Authorization is refused: it has no bearer token" in service.log
        assert "eyJ" not in service.log
        assert "YTpi" not in service.log
