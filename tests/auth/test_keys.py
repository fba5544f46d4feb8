"""The key set, against a real server that rotates, hangs, and answers garbage."""

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Thread

import pytest

from app.auth import jwks, key_store, keys
from app.auth.key_store import KeyStore
from app.auth.keys import KeySet
from app.exceptions import KeysUnavailable
from tests.support.issuer import Issuer, issuing, private_key, public_jwk
from tests.support.waiting import DEADLINE, wait_for

BAD = ["500", "garbage", "nested", "not a set", "empty", "10 MB", "redirect", "hang up"]
# Newer versions of Python warn of a fork while there are threads. These children use none of the parent's.
may_fork = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
OLD, NEW = (public_jwk(private_key("EdDSA"), "EdDSA", kid=name) for name in ("old", "new"))


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with issuing(OLD) as issuer:
        yield issuer


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jwks, "TIMEOUT", 1.5)
    monkeypatch.setattr(keys, "WAIT", 2)
    monkeypatch.setattr(keys, "PAUSE_WITHOUT_KEYS", 0)


def key_set_of(issuer: Issuer, max_stale: float = 60, waiters: int = 1) -> KeySet:
    """Return a key set with a store of its own."""
    return KeySet(issuer.url, max_stale, waiters, KeyStore())


def is_found(key_set: KeySet, key_id: str) -> bool:
    """Tell whether a token with that key can be let in now."""
    try:
        return key_set.find(key_id, "EdDSA") is not None
    except KeysUnavailable:
        return False


def find_in_time(key_set: KeySet, key_id: str) -> bool:
    wait_for(lambda: is_found(key_set, key_id))
    return True


def test_many_requests_at_once_cause_one_fetch(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jwks, "TIMEOUT", DEADLINE)
    monkeypatch.setattr(keys, "WAIT", DEADLINE)
    # Without a pause, a thread that found no keys could begin another fetch when the first one has just ended.
    monkeypatch.setattr(keys, "PAUSE_WITHOUT_KEYS", DEADLINE)
    key_set = key_set_of(issuer, waiters=20)
    with ThreadPoolExecutor(20) as pool:
        found = list(pool.map(lambda _: key_set.find("old", "EdDSA"), range(100)))
    assert all(found)
    assert issuer.fetches == 1


def test_a_set_that_did_not_change_has_the_same_keys(issuer: Issuer) -> None:
    key_set = key_set_of(issuer)
    key = key_set.find("old", "EdDSA")
    key_set.fetch_now()
    assert issuer.fetches == 1  # The last fetch was a moment ago.
    key_set._fetch(time.monotonic())
    assert issuer.fetches == 2
    assert key_set.find("old", "EdDSA") is key


def test_a_rotation_is_noticed_by_the_first_token_with_the_new_key(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "PAUSE", 0.01)
    key_set = key_set_of(issuer)
    assert key_set.find("old", "EdDSA")
    issuer.keys = [NEW]
    assert find_in_time(key_set, "new")
    assert ("old", "EdDSA") not in key_set._load()


def test_unknown_key_ids_cause_one_fetch_in_a_while(issuer: Issuer) -> None:
    key_set = key_set_of(issuer)
    assert key_set.find("old", "EdDSA")
    for number in range(2 * keys.UNKNOWN_MAX):
        with pytest.raises(KeysUnavailable):
            key_set.find(f"unknown {number}", "EdDSA")
    assert issuer.fetches == 1
    assert len(key_set._unknown) == keys.UNKNOWN_MAX


def test_a_key_that_was_just_rotated_is_never_refused(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    key_set = key_set_of(issuer)
    assert key_set.find("old", "EdDSA")
    monkeypatch.setattr(keys, "PAUSE", 2)
    wait_for(lambda: time.monotonic() - key_set._store.tried_at > keys.PAUSE)
    for _ in range(3):
        assert key_set.find("bogus", "EdDSA") is None
    assert issuer.fetches == 2  # They have used up the pause.
    issuer.keys = [NEW]
    with pytest.raises(KeysUnavailable) as caught:
        key_set.find("new", "EdDSA")
    assert 1 <= caught.value.retry_after <= keys.PAUSE
    assert find_in_time(key_set, "new")
    assert issuer.fetches == 3


def test_tokens_wait_for_a_fetch_that_another_has_started(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jwks, "TIMEOUT", 60)
    monkeypatch.setattr(keys, "WAIT", 60)
    key_set = key_set_of(issuer, waiters=2)
    assert key_set.find("old", "EdDSA")
    monkeypatch.setattr(keys, "PAUSE", 0)
    issuer.behaviour = "late"
    with ThreadPoolExecutor(2) as pool:
        found = [pool.submit(key_set.find, "new", "EdDSA") for _ in range(2)]
        wait_for(lambda: issuer.fetches == 2 and key_set._waiters._value == 0)
        issuer.keys = [NEW]
        issuer.behaviour = "well"
    assert all(waited.result() for waited in found)
    assert issuer.fetches == 2


def test_an_old_set_is_refreshed_in_the_background(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "PAUSE", 0)
    monkeypatch.setattr(keys, "REFRESH_AFTER", 0)
    key_set = key_set_of(issuer)
    assert key_set.find("old", "EdDSA")
    issuer.keys = [OLD, NEW]
    issuer.behaviour = "hang"
    start = time.monotonic()
    for _ in range(100):
        assert key_set.find("old", "EdDSA")
    assert time.monotonic() - start < jwks.TIMEOUT
    issuer.behaviour = "well"
    wait_for(lambda: key_set.find("old", "EdDSA") and ("new", "EdDSA") in key_set._load())


@pytest.mark.parametrize("behaviour", [*BAD, "hang", "trickle"])
def test_a_stale_set_stays_in_use_while_the_issuer_is_broken(
    issuer: Issuer, behaviour: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(keys, "PAUSE", 0)
    monkeypatch.setattr(keys, "REFRESH_AFTER", 0)
    key_set = key_set_of(issuer)
    assert key_set.find("old", "EdDSA")
    issuer.behaviour = behaviour
    assert key_set.find("old", "EdDSA")
    wait_for(lambda: "so the last one stays in use" in caplog.text)
    assert key_set.find("old", "EdDSA")
    issuer.behaviour = "well"
    issuer.keys = [NEW]
    assert find_in_time(key_set, "new")


@pytest.mark.parametrize("behaviour", [*BAD, "hang", "trickle"])
def test_without_a_set_requests_wait_in_bounds_and_recover(
    issuer: Issuer, behaviour: str, caplog: pytest.LogCaptureFixture
) -> None:
    issuer.behaviour = behaviour
    key_set = key_set_of(issuer)
    start = time.monotonic()
    with pytest.raises(KeysUnavailable):
        key_set.find("old", "EdDSA")
    assert time.monotonic() - start < 3 * jwks.TIMEOUT
    wait_for(lambda: "so no token can be verified" in caplog.text)
    assert "stays in use" not in caplog.text
    issuer.behaviour = "well"
    assert find_in_time(key_set, "old")


def test_an_issuer_that_hangs_holds_no_more_threads_than_may_wait(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "WAIT", 60)
    issuer.behaviour = "hang"
    key_set = key_set_of(issuer, waiters=2)
    waiting = [Thread(target=is_found, args=(key_set, "old")) for _ in range(2)]
    for thread in waiting:
        thread.start()
    wait_for(lambda: key_set._waiters._value == 0)
    start = time.monotonic()
    for _ in range(100):
        with pytest.raises(KeysUnavailable):
            key_set.find("old", "EdDSA")
    assert time.monotonic() - start < jwks.TIMEOUT / 2
    for thread in waiting:
        thread.join()


def test_a_set_that_is_too_old_is_not_used(issuer: Issuer) -> None:
    key_set = key_set_of(issuer, max_stale=0.2)
    assert key_set.find("old", "EdDSA")
    issuer.behaviour = "500"
    wait_for(lambda: not is_found(key_set, "old"))


def test_an_issuer_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(KeysUnavailable):
        KeySet("http://127.0.0.1:9/keys", 60, store=KeyStore()).find("old", "EdDSA")


@may_fork
def test_processes_share_the_set_and_the_fetch(issuer: Issuer) -> None:
    key_set = key_set_of(issuer)
    assert key_set.find("old", "EdDSA")
    issuer.behaviour = "500"
    for _ in range(3):
        child = os.fork()
        if not child:
            found = is_found(key_set, "old") and not is_found(key_set, "unknown")
            os._exit(0 if found else 1)
        assert os.waitpid(child, 0)[1] == 0
    assert issuer.fetches == 1


@may_fork
def test_a_process_that_is_killed_while_it_fetches_does_not_stop_the_others(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    key_set = key_set_of(issuer)
    child = os.fork()
    if not child:
        key_set._store.begin_fetch(0)
        os._exit(0)
    os.waitpid(child, 0)
    assert key_set._store.is_fetching()
    assert key_set._store.begin_fetch(0) is None
    monkeypatch.setattr(key_store, "ENDS_WITHIN", 0.1)
    assert find_in_time(key_set, "old")


def test_a_fetch_that_ends_late_replaces_no_newer_set() -> None:
    store = KeyStore()
    first = store.begin_fetch(0)
    assert first is not None
    store.end_fetch(first, None)
    second = store.begin_fetch(0)
    assert second is not None
    store.end_fetch(second, b"new")
    store.end_fetch(first, b"old")
    assert store.read() == (second, b"new")
