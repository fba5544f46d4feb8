"""For how long connections are used, so that they follow a fail-over, a new address or a new password."""

import random
from contextlib import suppress
from time import monotonic
from typing import Any

import psycopg2
from sqlalchemy.exc import DisconnectionError

OPENED, ENDS = "opened", "ends"  # keys in `info`, which SQLAlchemy keeps beside each connection
RENEWAL_PAUSE = 1  # seconds: on a server that stays read-only, each write would open a connection otherwise


class Lifetime:
    """The limits for all connections of this process. Ask `is_over` before each use of a connection."""

    def __init__(self, max_age: float) -> None:
        self.max_age = max_age  # seconds
        self._renewed = 0.0  # Connections from before this moment, by the monotonic clock, are over.

    def begin(self, _connection: Any, record: Any) -> None:
        """Note when a connection was opened. A listener of SQLAlchemy's event `connect`."""
        now = monotonic()
        record.info[OPENED] = now
        # Not the same for all, so that not all are replaced at once.
        record.info[ENDS] = now + self.max_age * random.uniform(0.9, 1)  # noqa: S311 -- nothing secret

    def is_over(self, info: Any) -> bool:
        """Tell whether the connection with that `info` must be replaced."""
        return bool(info[OPENED] < self._renewed or info[ENDS] < monotonic())

    def require_time_left(self, _connection: Any, record: Any, _proxy: Any) -> None:
        """Have the pool replace a connection that is over. A listener of SQLAlchemy's event `checkout`."""
        if self.is_over(record.info):
            raise DisconnectionError("this connection has been in use for long enough")

    def end_all(self, connection: Any) -> None:
        """Have all connections replaced before their next use, because this one leads to a read-only server.

        Do nothing where that has just happened.
        """
        now = monotonic()
        if now - self._renewed > RENEWAL_PAUSE:
            self._renewed = now
            end_read_only_session(connection)


def end_read_only_session(connection: Any) -> None:
    """End a session in which `default_transaction_read_only` is on, though the server is no standby.

    It would stay so after the setting has changed, and a pooler would hand it over again and again. A session of a
    standby writes as soon as the standby has become the primary.
    """
    with suppress(psycopg2.Error), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pg_backend_pid())"
            " WHERE current_setting('transaction_read_only')::bool AND NOT pg_is_in_recovery()"
        )
