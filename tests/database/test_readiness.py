"""Whether the service is ready for requests."""

import os
import signal
from pathlib import Path
from time import monotonic

from app.database.embedded import EmbeddedServer
from tests.support.service import running
from tests.support.waiting import wait_for


def test_readiness_is_told_within_a_second_whatever_the_database_does(server: EmbeddedServer, tmp_path: Path) -> None:
    with running(tmp_path / "log", DATABASE_URL=server.url(), WEB_CONCURRENCY="1") as client:
        assert client.get("/health/ready").status_code == 200
        processes = server._processes()
        for pid in processes:
            os.kill(pid, signal.SIGSTOP)
        try:
            for _ in range(3):
                start = monotonic()
                response = client.get("/health/ready")
                assert monotonic() - start < 2  # That is 0.9 s, and what a busy machine adds.
                assert (response.status_code, response.json()) == (503, {"detail": "Service temporarily unavailable"})
                assert response.headers["X-Failed-Check"] == "the database does not answer"
            assert client.get("/health").status_code == 200
        finally:
            for pid in processes:
                os.kill(pid, signal.SIGCONT)
        wait_for(lambda: client.get("/health/ready").status_code == 200)
