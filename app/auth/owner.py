"""The lock on every route below `/api`: only the owner named in the path gets in."""

import logging
import re
from collections.abc import Callable
from functools import partial

from flask import Flask, request

from app.auth.tokens import make_verifier
from app.exceptions import AccessForbidden, InvalidToken, KeysUnavailable, NotAuthenticated, TokenExpired

logger = logging.getLogger("app.owner")

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

    Why somebody is refused goes into the log: the answer tells a stranger no more than the contract does. Raises
    `NotAuthenticated`, `TokenExpired`, `InvalidToken`, `AccessForbidden` or `KeysUnavailable`.
    """
    if not f"{request.path}/".startswith("/api/") or request.method == "OPTIONS":
        return  # A browser asks for the options without a token (CORS), and learns nothing from them.
    try:
        user_id = verify(_read_token())
        if request.url_rule is not None and (request.view_args or {}).get("user_id") != user_id:
            raise AccessForbidden(f"it is for the user {user_id[:255]!r}")
    except (TokenExpired, InvalidToken, AccessForbidden, KeysUnavailable) as refusal:
        logger.warning("The token is refused: %s", refusal)
        raise


def _read_token() -> str:
    """Return the bearer token of the request. Raises `NotAuthenticated`."""
    header = request.headers.get("Authorization")
    token = BEARER.fullmatch(header or "")
    if token is None:
        if header is not None:
            logger.warning("The header Authorization is refused: it has no bearer token")
        raise NotAuthenticated()
    return token[1]
