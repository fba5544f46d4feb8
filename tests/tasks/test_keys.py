"""Keys of requests in the database: for how long they stay, and who removes them."""

from contextlib import closing

import psycopg2

from app.database.embedded import SUPERUSER, EmbeddedServer
from app.tasks.statements import REMOVED_AT_ONCE
from tests.support.client import Tasks

ROUNDS = 300  # One request in sixteen removes expired keys, so some of 25 would stay once in ten million runs.


def test_no_pattern_of_requests_keeps_expired_keys(alice: Tasks, postgresql: EmbeddedServer) -> None:
    task = alice.create()
    with closing(psycopg2.connect(postgresql.url(SUPERUSER))) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute(
            """
            INSERT INTO idempotency_keys (user_id, key, fingerprint, answer, created_at)
            SELECT %s, 'old ' || number, '', '', statement_timestamp() - interval '26 hours'
            FROM generate_series(1, 25) AS number
            """,
            [alice.user_id],
        )

        def count_old_keys() -> int:
            cursor.execute(
                "SELECT count(*) FROM idempotency_keys WHERE user_id = %s AND key LIKE 'old%%'", [alice.user_id]
            )
            ((count,),) = cursor.fetchall()
            return int(count)

        left = 25
        assert count_old_keys() == left
        for number in range(ROUNDS):
            alice.send("PATCH", f"/{task['id']}/complete", Idempotency_Key=f"new{number}")
            before, left = left, count_old_keys()
            assert before - left in (0, min(before, REMOVED_AT_ONCE))
            if not left:
                break
            alice.put(task["id"], {"title": f"{number}"})
        assert left == 0
