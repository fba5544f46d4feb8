"""A service that allows each user only a few tasks."""

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
