"""The lock on every route below `/api`: only the owner named in the path gets in."""

import re
from collections.abc import Callable
from functools import partial

from flask import Flask, request

from app.auth.tokens import make_verifier
from app.exceptions import AccessForbidden, NotAuthenticated

BEARER = re.compile(r"bearer +(\S+)", re.IGNORECASE)


def init_app(app: Flask) -> None:
    """Put every route below `/api` behind the lock that the settings ask for.

    Raises `config.StartError` where the settings contradict each other.
    """
    verify = make_verifier(app.config)
    if verify is not None:
        app.before_request(partial(_require_owner, verify))


def _require_owner(verify: Callable[[str], str]) -> None:
    """Let the owner of the path in, before the body is read. What matches no route needs a valid token too.

    Raises `NotAuthenticated`, `TokenExpired`, `InvalidToken`, `AccessForbidden` or `KeysUnavailable`.
    """
    if not f"{request.path}/".startswith("/api/") or request.method == "OPTIONS":
        return  # A browser asks for the options without a token (CORS), and learns nothing from them.
    token = BEARER.fullmatch(request.headers.get("Authorization", ""))
    if token is None:
        raise NotAuthenticated()
    user_id = verify(token[1])
    if request.url_rule is not None and (request.view_args or {}).get("user_id") != user_id:
        raise AccessForbidden()
