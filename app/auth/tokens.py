"""Tokens: JWTs (RFC 7519, RFC 8725) that another issuer signs, and that this service verifies."""

import re
import time
import warnings
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

import jwt

from app.auth.keys import ALGORITHMS as ASYMMETRIC
from app.auth.keys import KeySet
from app.exceptions import InvalidToken, TokenExpired
from config import JWKS, OPEN, SECRET, StartError

SYMMETRIC = ("HS256", "HS384", "HS512")
SECRET_MIN = 32  # bytes

COMPACT = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)  # RFC 7515, section 7.1
# Header fields by which a token brings or names its own key, or demands an extension. This service supports none.
REFUSED_HEADERS = {"jku", "jwk", "x5u", "x5c", "crit", "b64"}

# PyJWT warns of secrets shorter than the hash (RFC 7518, section 3.2). 32 bytes are strong enough for every hash.
warnings.filterwarnings("ignore", category=jwt.InsecureKeyLengthWarning)

MODES = {
    OPEN: "open: whoever knows a user_id acts for that user",
    SECRET: "tokens signed with the shared secret (HS256, HS384, HS512)",
    JWKS: "tokens signed with a key of the issuer's key set",
}

FindKey = Callable[[str | None, str], Any]


def make_verifier(config: Mapping[str, Any]) -> Callable[[str], str] | None:
    """Return the function that verifies a token and returns its subject, or None in the open mode.

    Raises `StartError` where the settings contradict each other.
    """
    mode, secret, url = config["AUTH_MODE"], config["JWT_SECRET"], config["JWKS_URL"]
    if (mode == SECRET) != bool(secret) or (mode == JWKS) != bool(url):
        raise StartError(
            f"AUTH_MODE={SECRET} needs JWT_SECRET, AUTH_MODE={JWKS} needs JWKS_URL, and each refuses the other's:"
            " a public key must never be taken for a secret."
        )
    check = partial(
        _read_subject, issuer=config["JWT_ISSUER"], audience=config["JWT_AUDIENCE"], leeway=config["JWT_LEEWAY"]
    )
    if mode == SECRET:
        if len(secret.encode()) < SECRET_MIN:
            raise StartError(f"JWT_SECRET must have at least {SECRET_MIN} bytes.")
        return partial(check, algorithms=SYMMETRIC, find_key=lambda _key_id, _algorithm: secret)
    if mode == JWKS:
        key_set = KeySet(url, config["JWKS_MAX_STALE"])
        return partial(check, algorithms=ASYMMETRIC, find_key=key_set.find)
    return None


def _read_subject(  # noqa: PLR0913 -- all but the token are bound once.
    token: str,
    *,
    algorithms: Collection[str],
    find_key: FindKey,
    issuer: str | None,
    audience: str | None,
    leeway: float,
) -> str:
    """Return the subject of a token whose signature and claims are valid. Raises `TokenExpired` or `InvalidToken`."""
    if not COMPACT.fullmatch(token):
        raise InvalidToken()
    try:
        header = jwt.get_unverified_header(token)
        algorithm, key_id = header["alg"], header.get("kid")
        if algorithm not in algorithms or REFUSED_HEADERS & header.keys():
            raise InvalidToken()
    except Exception as error:  # A hostile token may raise anything in a parser.
        raise InvalidToken() from error
    key = find_key(key_id, algorithm)
    if key is None:
        raise InvalidToken()
    required = ["exp", "sub", *(["iss"] if issuer else []), *(["aud"] if audience else [])]
    try:
        claims = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            issuer=issuer,
            audience=audience,
            leeway=leeway,
            options={"require": required, "verify_aud": audience is not None, "verify_iss": issuer is not None},
        )
    except jwt.ExpiredSignatureError as error:
        raise TokenExpired() from error
    except Exception as error:
        raise InvalidToken() from error
    return str(claims["sub"])


def sign(user_id: str, lifetime: timedelta, config: Mapping[str, Any]) -> str:
    """Return a token for that user, signed with the shared secret and valid for `lifetime` from now on."""
    now = int(time.time())
    claims = {"sub": user_id, "iat": now, "exp": now + int(lifetime.total_seconds())}
    claims |= {"iss": config["JWT_ISSUER"]} if config["JWT_ISSUER"] else {}
    claims |= {"aud": config["JWT_AUDIENCE"]} if config["JWT_AUDIENCE"] else {}
    return jwt.encode(claims, config["JWT_SECRET"], algorithm=SYMMETRIC[0])
