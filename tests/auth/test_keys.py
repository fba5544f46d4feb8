"""The key set, against a real server that rotates, hangs, and answers garbage."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from app.auth import keys
from app.auth.keys import KeySet, usable_keys
from app.exceptions import KeysUnavailable
from tests.support.issuer import Issuer, issuing, private_key, public_jwk
from tests.support.waiting import wait_for

BAD = ["500", "garbage", "nested", "not a set", "empty", "10 MB", "redirect", "hang up"]
OLD, NEW = (public_jwk(private_key("EdDSA"), "EdDSA", kid=name) for name in ("old", "new"))


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with issuing(OLD) as issuer:
        yield issuer


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "TIMEOUT", 0.5)
    monkeypatch.setattr(keys, "PAUSE_WITHOUT_KEYS", 0)


def test_many_requests_at_once_cause_one_fetch(issuer: Issuer) -> None:
    key_set = KeySet(issuer.url, 60)
    with ThreadPoolExecutor(20) as pool:
        found = list(pool.map(lambda _: key_set.find("old", "EdDSA"), range(100)))
    assert all(found)
    assert issuer.fetches == 1


def test_a_rotation_is_noticed_by_the_first_token_with_the_new_key(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "PAUSE", 0)
    key_set = KeySet(issuer.url, 60)
    assert key_set.find("old", "EdDSA")
    issuer.keys = [NEW]
    assert key_set.find("new", "EdDSA")
    assert key_set.find("old", "EdDSA") is None


def test_unknown_key_ids_cause_one_fetch_in_a_while(issuer: Issuer) -> None:
    key_set = KeySet(issuer.url, 60)
    assert key_set.find("old", "EdDSA")
    for number in range(1000):
        assert key_set.find(f"unknown {number}", "EdDSA") is None
    assert issuer.fetches == 1


def test_an_old_set_is_refreshed_in_the_background(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "PAUSE", 0)
    key_set = KeySet(issuer.url, 60)
    assert key_set.find("old", "EdDSA")
    monkeypatch.setattr(keys, "REFRESH_AFTER", 0)
    issuer.keys = [OLD, NEW]
    issuer.behaviour = "hang"
    start = time.monotonic()
    for _ in range(100):
        assert key_set.find("old", "EdDSA")
    assert time.monotonic() - start < keys.TIMEOUT
    issuer.behaviour = "well"
    wait_for(lambda: key_set.find("old", "EdDSA") and ("new", "EdDSA") in key_set._keys)


@pytest.mark.parametrize("behaviour", [*BAD, "hang", "trickle"])
def test_a_stale_set_stays_in_use_while_the_issuer_is_broken(
    issuer: Issuer, behaviour: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "PAUSE", 0)
    key_set = KeySet(issuer.url, 60)
    assert key_set.find("old", "EdDSA")
    monkeypatch.setattr(keys, "REFRESH_AFTER", 0)
    issuer.behaviour = behaviour
    assert key_set.find("old", "EdDSA")
    wait_for(lambda: issuer.fetches > 1 and key_set._fetching is None)
    assert key_set.find("old", "EdDSA")
    issuer.behaviour = "well"
    issuer.keys = [NEW]
    wait_for(lambda: key_set.find("new", "EdDSA"))


@pytest.mark.parametrize("behaviour", [*BAD, "hang", "trickle"])
def test_without_a_set_requests_wait_in_bounds_and_recover(issuer: Issuer, behaviour: str) -> None:
    issuer.behaviour = behaviour
    key_set = KeySet(issuer.url, 60)
    start = time.monotonic()
    with pytest.raises(KeysUnavailable):
        key_set.find("old", "EdDSA")
    assert time.monotonic() - start < 3 * keys.TIMEOUT
    issuer.behaviour = "well"

    def found() -> object:
        try:
            return key_set.find("old", "EdDSA")
        except KeysUnavailable:
            return None

    assert wait_for(found)


def test_a_set_that_is_too_old_is_not_used(issuer: Issuer) -> None:
    key_set = KeySet(issuer.url, max_stale=0.2)
    assert key_set.find("old", "EdDSA")
    issuer.behaviour = "500"

    def refused() -> bool:
        try:
            key_set.find("old", "EdDSA")
        except KeysUnavailable:
            return True
        return False

    assert wait_for(refused)


def test_nobody_waits_for_a_fetch_that_another_has_started(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "PAUSE", 0)
    key_set = KeySet(issuer.url, 60)
    assert key_set.find("old", "EdDSA")
    issuer.behaviour = "hang"
    starter = threading.Thread(target=key_set.find, args=("unknown", "EdDSA"))
    starter.start()
    wait_for(lambda: issuer.fetches == 2)
    start = time.monotonic()
    assert key_set.find("old", "EdDSA")
    assert key_set.find("also unknown", "EdDSA") is None
    assert time.monotonic() - start < keys.TIMEOUT / 2
    starter.join()


def test_an_issuer_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(KeysUnavailable):
        KeySet("http://127.0.0.1:9/keys", 60).find("old", "EdDSA")


def test_secrets_and_keys_for_encryption_are_no_keys() -> None:
    secret = {"kty": "oct", "kid": "s", "k": "c2VjcmV0", "alg": "HS256"}
    encrypting = {**OLD, "use": "enc"}
    useless: Any
    for useless in ([], [secret], [encrypting], ["key"], [{}], [{**OLD, "x": "?"}], [{**OLD, "kid": 5}], {}, None):
        with pytest.raises(ValueError, match="no key"):
            usable_keys({"keys": useless})
    assert {name for name, _ in usable_keys({"keys": [secret, encrypting, OLD, NEW]})} == {"old", "new"}


def test_a_key_without_an_algorithm_serves_those_of_its_type() -> None:
    rsa = public_jwk(private_key("RS256"), "RS256", kid="rsa", use="sig")
    rsa.pop("alg", None)
    assert {algorithm for _, algorithm in usable_keys({"keys": [rsa]})} == set(keys.RSA)


def test_an_only_key_needs_no_id() -> None:
    unnamed = {name: value for name, value in OLD.items() if name != "kid"}
    assert (None, "EdDSA") in usable_keys({"keys": [unnamed]})
    assert (None, "EdDSA") in usable_keys({"keys": [OLD]})
    assert (None, "EdDSA") not in usable_keys({"keys": [OLD, NEW]})
