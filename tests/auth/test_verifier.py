"""Tokens that were accepted before: they are remembered, but not longer than they are valid."""

import time
from typing import Any

import pytest

from app.auth import keys as key_set
from app.auth import verifier
from app.auth.verifier import Accepted, Verifier
from app.exceptions import KeysUnavailable
from tests.support.authorization import EXPIRED, INVALID, asking, assert_refused, let_in
from tests.support.issuer import claims, issuing, private_key, public_jwk, token
from tests.support.waiting import wait_for


def test_an_accepted_token_expires_in_time() -> None:
    ask = asking(JWT_LEEWAY=0)
    short = f"Bearer {token(claims(exp=int(time.time()) + 2))}"
    assert let_in(ask(short))
    wait_for(lambda: not let_in(ask(short)))
    assert_refused(ask(short), EXPIRED)


def test_an_accepted_token_is_refused_once_its_key_is_revoked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_set, "PAUSE", 0.2)
    old, new = private_key("EdDSA"), private_key("EdDSA")
    with issuing(public_jwk(old, "EdDSA", kid="same")) as issuer:
        ask = asking(AUTH_MODE="jwks", JWT_SECRET=None, JWKS_URL=issuer.url)
        accepted = f"Bearer {token(key=old, algorithm='EdDSA', kid='same')}"
        assert let_in(ask(accepted))
        issuer.keys = [public_jwk(new, "EdDSA", kid="same")]
        wait_for(lambda: let_in(ask(f"Bearer {token(key=new, algorithm='EdDSA', kid='same')}")))
        assert_refused(ask(accepted), INVALID)


class Issuer:
    """A key that may change or be away, and the tokens that were verified with it."""

    def __init__(self) -> None:
        self.key: object | None = object()
        self.verified: list[str] = []

    def find_key(self, _key_id: str | None, _algorithm: str) -> Any:
        if self.key is None:
            raise KeysUnavailable("there is no key set", 1)
        return self.key

    def verify(self, text: str) -> Accepted:
        self.verified.append(text)
        return Accepted(f"user of {text}", None, "EdDSA", self.key, time.time() + 60)


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def verify(issuer: Issuer) -> Verifier:
    return Verifier(issuer.verify, issuer.find_key)


def test_a_token_is_verified_once(issuer: Issuer, verify: Verifier) -> None:
    for text in "abab":
        assert verify(text) == f"user of {text}"
    assert issuer.verified == ["a", "b"]


def test_a_token_is_verified_again_once_for_each_key_set(issuer: Issuer, verify: Verifier) -> None:
    verify("a")
    issuer.key = object()
    assert verify("a") == verify("a") == "user of a"
    assert issuer.verified == ["a", "a"]


def test_a_known_token_waits_for_keys_as_others_do(issuer: Issuer, verify: Verifier) -> None:
    verify("a")
    issuer.key = None
    with pytest.raises(KeysUnavailable):
        verify("a")


def test_the_oldest_of_very_many_tokens_are_forgotten(
    issuer: Issuer, verify: Verifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verifier, "TOKENS_KEPT", 2)
    for text in "abcca":
        verify(text)
    assert issuer.verified == ["a", "b", "c", "a"]
    assert len(verify._known) == 2
