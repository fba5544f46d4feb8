"""A service that gives the full task to clients that do not ask for the basic one."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from tests.support.client import Client
from tests.support.openapi import FULL_VIEW, schemathesis
from tests.support.service import running

BASIC = {"id", "user_id", "title", "description", "completed", "created_at", "updated_at"}


@pytest.fixture(scope="module")
def full(app: Flask, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    log = tmp_path_factory.mktemp("full") / "log"
    with running(log, DATABASE_URL=app.config["DATABASE_URL"], DEFAULT_VIEW="full") as client:
        yield client


def test_the_view_is_full_unless_the_basic_one_is_asked_for(full: Client) -> None:
    path = "/api/of-the-default-view/tasks"
    task = full.request("POST", path, json={"title": "Milk", "priority": "HIGH"}).json()
    assert task["priority"] == "high"
    assert set(task) > BASIC
    for query in ("?view=basic", "?view=BASIC"):
        answer = full.get(f"{path}/{task['id']}{query}")
        assert set(answer.json()) == BASIC


def test_schemathesis_finds_nothing(full: Client, tmp_path: Path) -> None:
    completed = schemathesis(full.url, tmp_path, "--max-examples=20", FULL_VIEW)
    assert completed.returncode == 0, completed.stdout + completed.stderr
    assert "No issues found" in completed.stdout
