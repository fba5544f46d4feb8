"""Tokens that an issuer signs with its private keys."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed448
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.utils import base64url_encode

from app.auth import keys as key_set
from tests.support.authorization import INVALID, NO_TOKEN, Ask, asking, assert_refused, let_in
from tests.support.issuer import SECRET, Issuer, claims, issuing, private_key, public_jwk, raw, token
from tests.support.waiting import DEADLINE, wait_for

ASYMMETRIC = ["EdDSA", "ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]


@pytest.fixture(scope="module")
def keys() -> dict[str, Any]:
    return {algorithm: private_key(algorithm) for algorithm in ASYMMETRIC}


@pytest.fixture(scope="module")
def issuer(keys: dict[str, Any]) -> Iterator[Issuer]:
    with issuing(*(public_jwk(key, name, kid=name, alg=name) for name, key in keys.items())) as issuer:
        yield issuer


@pytest.fixture(scope="module")
def ask_with_keys(issuer: Issuer) -> Ask:
    return asking(AUTH_MODE="jwks", JWT_SECRET=None, JWKS_URL=issuer.url)


@pytest.mark.parametrize("algorithm", ASYMMETRIC)
def test_a_token_of_the_issuer_lets_its_user_in(ask_with_keys: Ask, keys: dict[str, Any], algorithm: str) -> None:
    good = token(key=keys[algorithm], algorithm=algorithm, kid=algorithm)
    assert let_in(ask_with_keys(f"Bearer {good}"))
    bobs = token(claims("bob"), key=keys[algorithm], algorithm=algorithm, kid=algorithm)
    assert ask_with_keys(f"Bearer {bobs}").status_code == 403


def test_a_token_shaped_as_better_auth_issues_them(ask_with_keys: Ask, keys: dict[str, Any]) -> None:
    user = {"id": "alice", "name": "Alice", "email": "alice@example.com", "emailVerified": True, "image": ""}
    base = "http://localhost:3000"
    shaped = token(claims("alice", iss=base, aud=base, **user), keys["EdDSA"], "EdDSA", kid="EdDSA", typ=None)
    assert let_in(ask_with_keys(f"Bearer {shaped}"))


def test_a_public_key_is_no_secret(ask_with_keys: Ask, keys: dict[str, Any]) -> None:
    public = keys["RS256"].public_key()
    for secret in (
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        json.dumps(public_jwk(keys["RS256"], "RS256")).encode(),
        b"",
    ):
        unsigned = raw({"alg": "HS256", "kid": "RS256"}, claims()).rsplit(".", 1)[0]
        signature = base64url_encode(hmac.digest(secret, unsigned.encode(), hashlib.sha256)).decode()
        assert_refused(ask_with_keys(f"Bearer {unsigned}.{signature}"), INVALID)


def test_keys_and_algorithms_are_not_exchangeable(ask_with_keys: Ask, keys: dict[str, Any]) -> None:
    for forged in (
        token(key=keys["ES256"], algorithm="ES256", kid="EdDSA"),
        token(key=keys["RS256"], algorithm="PS256", kid="RS256"),
        token(key=keys["RS256"], algorithm="RS512", kid="RS256"),
        token(key=private_key("EdDSA"), algorithm="EdDSA", kid="EdDSA"),
        token(key=keys["EdDSA"], algorithm="EdDSA"),
        token(key=keys["EdDSA"], algorithm="EdDSA", kid="EdDSA")[:-6],
        token(key=SECRET, algorithm="HS256"),
        raw({"alg": "none", "kid": "EdDSA"}, claims()),
        token(key=keys["EdDSA"], algorithm="EdDSA", kid="EdDSA", jku="http://127.0.0.1:9/"),
    ):
        assert_refused(ask_with_keys(f"Bearer {forged}"), INVALID)


def signed_as(algorithm: str, key: Any, kid: str) -> str:
    """Sign a token with an Edwards curve, under a name of the algorithm that PyJWT does not know."""
    unsigned = raw({"alg": algorithm, "kid": kid}, claims()).rsplit(".", 1)[0]
    return f"{unsigned}.{base64url_encode(key.sign(unsigned.encode())).decode()}"


@pytest.mark.parametrize("named", ["EdDSA", "Ed25519", None])
def test_ed25519_is_eddsa_with_that_curve(named: str | None) -> None:
    short, long = private_key("EdDSA"), ed448.Ed448PrivateKey.generate()
    published = public_jwk(short, "EdDSA", kid="short", alg=named), public_jwk(long, "EdDSA", kid="long")
    with issuing(*published) as issuer:
        ask = asking(AUTH_MODE="jwks", JWT_SECRET=None, JWKS_URL=issuer.url)
        for algorithm in ("EdDSA", "Ed25519"):
            assert let_in(ask(f"Bearer {signed_as(algorithm, short, 'short')}"))
        for algorithm in ("EdDSA", "Ed448"):
            assert let_in(ask(f"Bearer {signed_as(algorithm, long, 'long')}"))
        for forged in (
            signed_as("Ed448", short, "short"),
            signed_as("Ed25519", long, "long"),
            signed_as("Ed25519", short, "long"),
            signed_as("ed25519", short, "short"),
            signed_as("Ed25519", private_key("EdDSA"), "short"),
        ):
            assert_refused(ask(f"Bearer {forged}"), INVALID)


def test_a_key_id_that_the_issuer_does_not_have_is_refused_or_has_to_come_back(keys: dict[str, Any]) -> None:
    key = keys["EdDSA"]
    with issuing(public_jwk(key, "EdDSA", kid="good")) as issuer:
        ask = asking(AUTH_MODE="jwks", JWT_SECRET=None, JWKS_URL=issuer.url)
        assert let_in(ask(f"Bearer {token(key=key, algorithm='EdDSA', kid='good')}"))
        for kid in ("", "bogus", "../../etc/passwd", "' OR 1=1 --", "\n\r\0"):
            response = ask(f"Bearer {token(key=key, algorithm='EdDSA', kid=kid)}", "/api/bob/tasks")
            assert (response.status_code, response.json) == (503, {"detail": "Service temporarily unavailable"})
            assert 1 <= int(response.headers["Retry-After"]) <= 5
        assert issuer.fetches == 1


@pytest.mark.parametrize("kid", [None, "always the same"])
def test_a_rotation_without_new_key_ids_is_noticed(monkeypatch: pytest.MonkeyPatch, kid: str | None) -> None:
    monkeypatch.setattr(key_set, "PAUSE", 0.2)
    monkeypatch.setattr(key_set, "WAIT", DEADLINE)
    old, new = private_key("EdDSA"), private_key("EdDSA")
    named: dict[str, Any] = {"kid": kid} if kid is not None else {}
    with issuing(public_jwk(old, "EdDSA", **named)) as issuer:
        ask = asking(AUTH_MODE="jwks", JWT_SECRET=None, JWKS_URL=issuer.url)
        accepted = f"Bearer {token(key=old, algorithm='EdDSA', **named)}"
        assert let_in(ask(accepted))
        issuer.keys = [public_jwk(new, "EdDSA", **named)]
        wait_for(lambda: let_in(ask(f"Bearer {token(key=new, algorithm='EdDSA', **named)}")))
        assert_refused(ask(accepted), INVALID)


def test_while_no_key_is_known_the_answer_is_503(issuer: Issuer) -> None:
    with issuing() as broken:
        broken.behaviour = "500"
        ask = asking(AUTH_MODE="jwks", JWT_SECRET=None, JWKS_URL=broken.url)
        response = ask(f"Bearer {token(key=private_key('EdDSA'), algorithm='EdDSA', kid='x')}")
        assert (response.status_code, response.json) == (503, {"detail": "Service temporarily unavailable"})
        assert int(response.headers["Retry-After"]) > 0
        assert_refused(ask(None), NO_TOKEN)
