"""Tokens that were accepted before are remembered, but no longer than they are valid."""

import time
from dataclasses import replace
from typing import Any, NoReturn

import jwt
import pytest

from app.auth import accepted, keys, tokens
from app.auth.accepted import Accepted, AcceptedTokens
from app.exceptions import KeysUnavailable
from tests.support.authorization import asking, let_in
from tests.support.issuer import issuing, private_key, public_jwk, token
from tests.support.waiting import DEADLINE

NOW = int(time.time())


class FakeVerification:
    """Accepts every token, and notes it. Its key may change or be away."""

    def __init__(self) -> None:
        self.key: object | None = object()
        self.verified: list[str] = []
        self.answer = Accepted("", None, "EdDSA", None, begins=NOW - 60, ends=NOW + 3600)

    def find_key(self, _key_id: str | None, _algorithm: str) -> Any:
        if self.key is None:
            raise KeysUnavailable("there is no key set", 1)
        return self.key

    def verify(self, text: str) -> Accepted:
        self.verified.append(text)
        return replace(self.answer, subject=f"user of {text}", key=self.key)


@pytest.fixture
def verification() -> FakeVerification:
    return FakeVerification()


@pytest.fixture
def known(verification: FakeVerification) -> AcceptedTokens:
    return AcceptedTokens(verification.verify, verification.find_key)


def test_a_token_is_verified_once(verification: FakeVerification, known: AcceptedTokens) -> None:
    for text in "abab":
        assert known.find_subject(text) == f"user of {text}"
    assert verification.verified == ["a", "b"]


@pytest.mark.parametrize(("begins", "ends"), [(NOW - 60, NOW), (NOW + 3600, NOW + 7200)], ids=["over", "not begun"])
def test_a_token_is_verified_again_outside_of_its_time(
    verification: FakeVerification, known: AcceptedTokens, begins: int, ends: int
) -> None:
    verification.answer = replace(verification.answer, begins=begins, ends=ends)
    known.find_subject("a")
    known.find_subject("a")
    assert verification.verified == ["a", "a"]


def test_a_token_is_verified_again_once_for_another_key(verification: FakeVerification, known: AcceptedTokens) -> None:
    known.find_subject("a")
    verification.key = object()
    assert known.find_subject("a") == known.find_subject("a") == "user of a"
    assert verification.verified == ["a", "a"]


def test_a_known_token_is_not_let_in_without_keys(verification: FakeVerification, known: AcceptedTokens) -> None:
    known.find_subject("a")
    verification.key = None
    with pytest.raises(KeysUnavailable):
        known.find_subject("a")


def test_the_oldest_of_very_many_tokens_are_forgotten(
    verification: FakeVerification, known: AcceptedTokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accepted, "TOKENS_KEPT", 2)
    for text in "abcca":
        known.find_subject(text)
    assert verification.verified == ["a", "b", "c", "a"]
    assert len(known._known) == 2


def refuse(*_args: object, **_kwargs: object) -> NoReturn:
    raise jwt.InvalidSignatureError


def test_each_mode_remembers_its_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "WAIT", DEADLINE)
    key = private_key("EdDSA")
    with issuing(public_jwk(key, "EdDSA", kid="a")) as issuer:
        asked = [
            (asking(), f"Bearer {token()}"),
            (
                asking(AUTH_MODE="jwks", JWT_SECRET=None, JWKS_URL=issuer.url),
                f"Bearer {token(key=key, algorithm='EdDSA', kid='a')}",
            ),
        ]
        for ask, accepted_token in asked:
            assert let_in(ask(accepted_token))
        monkeypatch.setattr(tokens.TOKENS, "decode", refuse)
        for ask, accepted_token in asked:
            assert let_in(ask(accepted_token))
            assert not let_in(ask(f"{accepted_token[:-4]}AAAA"))
