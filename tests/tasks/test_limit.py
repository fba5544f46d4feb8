"""A service that allows each user only a few tasks."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from flask import Flask

from tests.support.service import running


def test_a_user_has_no_more_tasks_than_the_limit(app: Flask, tmp_path: Path) -> None:
    settings = {"DATABASE_URL": app.config["DATABASE_URL"], "MAX_TASKS_PER_USER": "2", "DEFAULT_VIEW": "full"}
    with running(tmp_path / "log", **settings) as client:
        alice = client.of("alice-at-the-limit")
        recurring = alice.create(recurrence="daily", due_date="2999-01-01")
        other = alice.create()
        version = alice.list_tasks().headers["ETag"]
        for answer in (alice.post({"title": "a"}), alice.complete(recurring["id"])):
            assert (answer.status_code, answer.json()) == (403, {"detail": "Task limit reached"})
        assert alice.list_tasks().headers["ETag"] == version
        alice.delete(other["id"])
        assert alice.complete(recurring["id"]).status_code == 200
        assert [task["due_date"] for task in alice.all()] == ["2999-01-01", "2999-01-02"]


def test_requests_that_race_do_not_exceed_the_limit(app: Flask, tmp_path: Path) -> None:
    with running(tmp_path / "log", DATABASE_URL=app.config["DATABASE_URL"], MAX_TASKS_PER_USER="10") as client:
        alice = client.of("alice-who-races-to-the-limit")

        def create(_: int) -> list[int]:
            mine = alice.apart()
            return [mine.post({"title": "a"}).status_code for _ in range(4)]

        with ThreadPoolExecutor(8) as pool:
            statuses = Counter(status for of_one in pool.map(create, range(8)) for status in of_one)
        assert statuses == {201: 10, 403: 22}
        assert alice.list_tasks().headers["X-Total-Count"] == "10"
        assert alice.list_tasks().headers["ETag"].endswith('-10"')
