"""JWK sets: which of their keys may verify a signature, and how they are fetched."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed448, rsa

from app.auth.jwks import RSA, fetch, read_keys
from config import VERSION
from tests.support.issuer import as_document, issuing, private_key, public_jwk

OLD, NEW = (public_jwk(private_key("EdDSA"), "EdDSA", kid=name) for name in ("old", "new"))
RSA_KEY = public_jwk(private_key("RS256"), "RS256", kid="rsa")


def found(*members: Any) -> set[tuple[str | None, str]]:
    """Return the names of the keys that are read from a set with these members, beside an only key."""
    other = public_jwk(private_key("ES256"), "ES256", kid="other")
    return set(read_keys(as_document(*members, other))) - {(None, "ES256"), ("other", "ES256")}


def test_secrets_and_keys_for_encryption_are_no_keys() -> None:
    secret = {"kty": "oct", "kid": "s", "k": "c2VjcmV0", "alg": "HS256"}
    encrypting = {**OLD, "use": "enc"}
    useless: Any
    for useless in ([], [secret], [encrypting], ["key"], [{}], [{**OLD, "x": "?"}], [{**OLD, "kid": 5}]):
        with pytest.raises(ValueError, match="no key"):
            read_keys(as_document(*useless))
    for document in (b"{}", b"null", b'{"keys": {}}', b'{"keys": null}'):
        with pytest.raises(ValueError, match="no key"):
            read_keys(document)
    assert {name for name, _ in read_keys(as_document(secret, encrypting, OLD, NEW))} == {"old", "new"}


def test_null_is_the_same_as_absent() -> None:
    for name in ("use", "key_ops", "alg"):
        assert ("old", "EdDSA") in found({**OLD, name: None})
    assert (None, "EdDSA") in read_keys(as_document({**OLD, "kid": None}))


def test_a_key_is_used_for_what_it_is_meant_for() -> None:
    operations: Any
    for operations in (["verify"], ["sign", "verify"]):
        assert ("old", "EdDSA") in found({**OLD, "key_ops": operations})
    for operations in ([], ["sign"], ["encrypt", "wrapKey"], "verify", {"verify": True}, 5):
        assert not found({**OLD, "key_ops": operations})
    for use in ("enc", "", "SIG", 5, ["sig"]):
        assert not found({**OLD, "use": use})


def test_the_algorithms_of_rfc_9864_are_eddsa_with_that_curve() -> None:
    long = public_jwk(ed448.Ed448PrivateKey.generate(), "EdDSA", kid="long")
    for algorithm in (None, "EdDSA", "Ed25519"):
        assert found({**OLD, "alg": algorithm}) == {("old", "EdDSA"), ("old", "Ed25519")}
    for algorithm in (None, "EdDSA", "Ed448"):
        assert found({**long, "alg": algorithm}) == {("long", "EdDSA"), ("long", "Ed448")}
    assert not found({**OLD, "alg": "Ed448"})
    assert not found({**long, "alg": "Ed25519"})
    assert not found({**OLD, "alg": "ES256"})


def test_a_key_without_an_algorithm_serves_those_of_its_type() -> None:
    assert {algorithm for _, algorithm in found({**RSA_KEY, "alg": None})} == set(RSA)
    assert {algorithm for _, algorithm in found({**RSA_KEY, "alg": "PS256"})} == {"PS256"}


@pytest.mark.parametrize("bits", [1024, 2047])
def test_rsa_keys_that_are_too_short_are_not_used(bits: int) -> None:
    assert not found(public_jwk(rsa.generate_private_key(65537, bits), "RS256", kid="short"))


def test_an_only_key_needs_no_id() -> None:
    unnamed = {name: value for name, value in OLD.items() if name != "kid"}
    assert (None, "EdDSA") in read_keys(as_document(unnamed))
    assert (None, "EdDSA") in read_keys(as_document(OLD))
    assert (None, "EdDSA") not in read_keys(as_document(OLD, NEW))


def test_the_issuer_is_told_who_asks() -> None:
    with issuing(OLD) as issuer:
        fetch(issuer.url)
        (headers,) = issuer.headers
    assert headers["User-Agent"] == f"tasks-api/{VERSION}"
    assert headers["Accept"] == "application/json"
