"""Rows in batches from one snapshot: what the transaction is, and what becomes of its connection."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from psycopg2.errors import DivisionByZero
from sqlalchemy import text

from app import create_app
from app.database.embedded import SUPERUSER, EmbeddedServer
from app.database.session import fetch_all
from app.database.snapshot import BATCH, open_snapshot
from app.database.statement import Statement
from app.extensions import db
from config import Config
from tests.support.databases import connected

STATE = Statement(
    "state",
    text("""
    SELECT current_setting('transaction_isolation'), current_setting('transaction_read_only'),
        current_setting('app.user_id'), pg_backend_pid()
    """),
    only_reads=True,
)
ROWS = Statement("rows", text("SELECT n FROM generate_series(1, CAST(:most AS integer)) AS n"), only_reads=True)
FAILING = Statement("failing", text("SELECT 1 / (:most - n) FROM generate_series(1, 1000) AS n"), only_reads=True)
MOST = 2 * BATCH + 1


@pytest.fixture
def context(app: Flask) -> Iterator[Flask]:
    """An application of the test's own, in its context, with one connection for its requests."""
    own = create_app(Config(DATABASE_URL=app.config["DATABASE_URL"], THREADS=1))
    with own.app_context():
        yield own
        db.engine.dispose()


def begin(rows: Statement = ROWS) -> tuple[Any, Any]:
    (state,), snapshot = open_snapshot("alice", STATE, rows, {"most": MOST})
    return state, snapshot


def state_now() -> Any:
    """Return the state of a statement alone, on the connection that the thread has now."""
    return fetch_all("alice", STATE, {})[0]


@pytest.mark.usefixtures("context")
def test_all_rows_come_in_batches_from_one_snapshot() -> None:
    state, snapshot = begin()
    assert state[:3] == ("repeatable read", "on", "alice")
    batches = list(snapshot)
    assert [len(batch) for batch in batches] == [BATCH, BATCH, 1]
    assert [row for batch in batches for row in batch] == [(n,) for n in range(1, MOST + 1)]
    assert state_now() == ("read committed", "off", "alice", state[3])


@pytest.mark.usefixtures("context")
def test_a_snapshot_that_is_closed_early_gives_its_connection_back() -> None:
    for _ in range(3):
        state, snapshot = begin()
        next(snapshot)
        snapshot.close()
        assert state_now() == ("read committed", "off", "alice", state[3])


@pytest.mark.usefixtures("context")
def test_a_snapshot_that_fails_gives_its_connection_back() -> None:
    state, snapshot = begin(FAILING)
    with pytest.raises(DivisionByZero):
        list(snapshot)
    assert state_now() == ("read committed", "off", "alice", state[3])


@pytest.mark.usefixtures("context")
def test_a_connection_that_ends_meanwhile_is_not_used_again(postgresql: EmbeddedServer) -> None:
    state, snapshot = begin()
    with connected(postgresql.url(SUPERUSER)) as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", (state[3],))
    with pytest.raises(Exception, match="connection"):
        list(snapshot)
    assert list(begin()[1])[-1] == [(MOST,)]
    assert state_now()[3] != state[3]
