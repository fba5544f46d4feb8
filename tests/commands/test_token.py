"""The command that prints a token."""

from uuid import uuid4

import jwt
from flask import Flask

from tests.support.client import Client
from tests.support.commands import flask
from tests.support.issuer import SECRET


def test_the_command_prints_a_token_that_works(locked: Client, app: Flask) -> None:
    settings = {"DATABASE_URL": app.config["DATABASE_URL"], "AUTH_MODE": "secret", "JWT_SECRET": SECRET}
    user_id = f"alice-{uuid4()}"
    printed = flask("token", user_id, "--expires", "90s", **settings)
    assert printed.returncode == 0, printed.stderr
    locked.session.headers["Authorization"] = f"Bearer {printed.stdout.strip()}"
    tasks = locked.of(user_id)
    created = tasks.create()
    assert tasks.all() == [created]
    assert locked.of("bob").list_tasks().status_code == 403
    del locked.session.headers["Authorization"]
    assert tasks.list_tasks().status_code == 401
    payload = jwt.decode(printed.stdout.strip(), SECRET, algorithms=["HS256"])
    assert payload["exp"] - payload["iat"] == 90
    assert flask("token", user_id, "--expires", "soon", **settings).returncode == 2
    refused = flask("token", user_id, DATABASE_URL=app.config["DATABASE_URL"])
    assert (refused.returncode, refused.stdout) == (1, "")
