"""The application with authentication and without a database: a request that is let in is answered 503."""

from collections.abc import Callable
from typing import Any

from app import create_app
from config import Config
from tests.support.issuer import SECRET

NOWHERE = "postgresql://nobody@127.0.0.1:9/nothing"  # A refused request must not get as far as the database.
NO_TOKEN = ("Not authenticated", 'Bearer realm="tasks"')
EXPIRED, INVALID = (
    (sentence, f'Bearer realm="tasks", error="invalid_token", error_description="{sentence}"')
    for sentence in ("Token has expired", "Invalid token")
)
Ask = Callable[..., Any]


def asking(**settings: Any) -> Ask:
    """Return a function that sends a request to the application with these settings, and no database behind it."""
    app = create_app(Config(**{"DATABASE_URL": NOWHERE, "AUTH_MODE": "secret", "JWT_SECRET": SECRET, **settings}))
    app.config["PROPAGATE_EXCEPTIONS"] = False
    client = app.test_client()

    def ask(authorization: str | None, path: str = "/api/alice/tasks", **kwargs: Any) -> Any:
        headers = {"Authorization": authorization} if authorization is not None else {}
        return client.open(path, headers=headers, **kwargs)

    return ask


def assert_refused(response: Any, because: tuple[str, str]) -> None:
    assert (response.status_code, response.json) == (401, {"detail": because[0]})
    assert response.headers["WWW-Authenticate"] == because[1]
    assert response.content_type == "application/json"


def let_in(response: Any) -> bool:
    """Tell whether a request got through to the database, which is not there."""
    assert response.status_code in (401, 403, 503), response.data
    return bool(response.status_code == 503)
