"""Tokens that are signed with a shared secret: which are good, and which are forged."""

import time
from collections.abc import Callable

import pytest

from tests.support.authorization import EXPIRED, INVALID, NO_TOKEN, Ask, asking, assert_refused, let_in
from tests.support.issuer import SECRET, claims, private_key, raw, raw_signed, token


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer  "])
def test_a_good_token_lets_its_user_in(ask: Ask, algorithm: str, scheme: str) -> None:
    assert let_in(ask(f"{scheme} {token(algorithm=algorithm)}"))


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer ", "Basic YTpi", "Token x", token(), "Bearer a b"]
)
def test_without_a_token_nobody_is_let_in(ask: Ask, authorization: str | None) -> None:
    assert_refused(ask(authorization), NO_TOKEN)


def test_an_expired_token_is_refused_beyond_the_leeway(ask: Ask) -> None:
    now = int(time.time())
    assert let_in(ask(f"Bearer {token(claims(exp=now - 5))}"))
    for age in (11, 60, 10**9):
        assert_refused(ask(f"Bearer {token(claims(exp=now - age))}"), EXPIRED)


def test_a_time_may_have_a_fraction(ask: Ask) -> None:
    assert let_in(ask(f"Bearer {raw_signed({**claims(), 'exp': time.time() + 60.5, 'nbf': time.time() - 0.5})}"))


def later(seconds: int) -> int:
    return int(time.time()) + seconds


FORGED: dict[str, Callable[[], str]] = {
    "another secret": lambda: token(key=SECRET + "!"),
    "alg none": lambda: raw({"alg": "none"}, claims()),
    "alg None": lambda: raw({"alg": "None", "typ": "JWT"}, claims()),
    "alg none with a signature": lambda: raw({"alg": "none"}, claims(), b"x" * 32),
    "alg absent": lambda: raw({"typ": "JWT"}, claims(), b"x" * 32),
    "alg in lower case": lambda: raw({"alg": "hs256"}, claims(), b"x" * 32),
    "alg a list": lambda: raw({"alg": ["HS256"]}, claims(), b"x" * 32),
    "alg of the other family": lambda: token(key=private_key("RS256"), algorithm="RS256"),
    "alg EdDSA": lambda: token(key=private_key("EdDSA"), algorithm="EdDSA"),
    "crit": lambda: token(crit=["exp"], exp=1),
    "crit unknown": lambda: token(crit=["http://example.com/x"], x=True),
    "b64": lambda: raw({"alg": "HS256", "b64": False, "crit": ["b64"]}, claims(), b"x" * 32),
    "jku": lambda: token(jku="http://127.0.0.1:9/keys"),
    "jwk": lambda: token(jwk={"kty": "oct", "k": "eA"}),
    "x5u": lambda: token(x5u="http://127.0.0.1:9/cert"),
    "x5c": lambda: token(x5c=["eA=="]),
    "kid a number": lambda: raw({"alg": "HS256", "kid": 5}, claims(), b"x" * 32),
    "no signature": lambda: token().rsplit(".", 1)[0] + ".",
    "two parts": lambda: token().rsplit(".", 1)[0],
    "four parts": lambda: token() + ".x",
    "a surrogate": lambda: token()[:-1] + "\udc80",
    "five parts": lambda: "a.b.c.d.e",
    "truncated signature": lambda: token()[:-4],
    "another payload": lambda: ".".join(
        [*token().split(".")[:1], *token(claims("alice", x=1)).split(".")[1:2], "x" * 43]
    ),
    "padding": lambda: token() + "=",
    "no sub": lambda: token(claims(None)),
    "sub a number": lambda: raw_signed({**claims(), "sub": 5}),
    "sub a list": lambda: raw_signed({**claims(), "sub": ["alice"]}),
    "no exp": lambda: token(claims(exp=None)),
    "exp a word": lambda: raw_signed({**claims(), "exp": "tomorrow"}),
    "exp null": lambda: raw_signed({**claims(), "exp": None}),
    "exp a number in a string": lambda: raw_signed({**claims(), "exp": str(later(60))}),
    "exp a past number in a string": lambda: raw_signed({**claims(), "exp": "1"}),
    "exp true": lambda: raw_signed({**claims(), "exp": True}),
    "exp a list": lambda: raw_signed({**claims(), "exp": [later(60)]}),
    "exp NaN": lambda: raw_signed(b'{"sub": "alice", "exp": NaN}'),
    "nbf a number in a string": lambda: raw_signed({**claims(), "nbf": "1"}),
    "nbf null": lambda: raw_signed({**claims(), "nbf": None}),
    "iat a number in a string": lambda: raw_signed({**claims(), "iat": "1"}),
    "iat false": lambda: raw_signed({**claims(), "iat": False}),
    "exp infinite": lambda: raw_signed(b'{"sub": "alice", "exp": 1e999}'),
    "exp of 5000 digits": lambda: raw_signed(b'{"sub": "alice", "exp": ' + b"9" * 5000 + b"}"),
    "not yet valid": lambda: token(claims(nbf=later(60))),
    "issued in the future": lambda: token(claims(iat=later(60))),
    "payload no object": lambda: raw_signed(b'["alice"]'),
    "payload no JSON": lambda: raw_signed(b"alice"),
    "payload deep": lambda: raw_signed(b"[" * 5000),
    "header deep": lambda: raw(b"[" * 5000, claims()),
    "header no object": lambda: raw(["HS256"], claims()),
    "garbage": lambda: "garbage",
    "dots": lambda: "..",
    "100 KB": lambda: token(claims(padding="x" * 75_000)) + "x",
    "not ASCII": lambda: "ä.ö.ü",
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
def test_a_forged_token_is_refused(ask: Ask, forge: Callable[[], str]) -> None:
    assert_refused(ask(f"Bearer {forge()}"), INVALID)


def test_issuer_and_audience_are_required_once_they_are_configured() -> None:
    anything = asking()
    assert let_in(anything(f"Bearer {token(claims(iss='https://anyone', aud=['a', 'b']))}"))
    ask = asking(JWT_ISSUER="https://issuer.example", JWT_AUDIENCE="tasks")
    good = {"iss": "https://issuer.example", "aud": "tasks"}
    assert let_in(ask(f"Bearer {token(claims(**good))}"))
    assert let_in(ask(f"Bearer {token(claims(iss=good['iss'], aud=['other', 'tasks']))}"))
    for bad in (
        {},
        {"iss": good["iss"]},
        {"aud": good["aud"]},
        {**good, "iss": "https://issuer.example/"},
        {**good, "aud": "task"},
        {**good, "aud": []},
        {**good, "iss": ["https://issuer.example"]},
    ):
        assert_refused(ask(f"Bearer {raw_signed({**claims(), **bad})}"), INVALID)
