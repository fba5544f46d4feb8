"""Tokens: JWTs (RFC 7519, RFC 8725) that another issuer signs, and that this service verifies."""

import re
import time
import warnings
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

import jwt

from app.auth.accepted import Accepted, AcceptedTokens, FindKey
from app.auth.jwks import ALGORITHMS as ASYMMETRIC
from app.auth.keys import KeySet
from app.exceptions import InvalidToken, TokenExpired
from config import JWKS, OPEN, SECRET, StartError

SYMMETRIC = ("HS256", "HS384", "HS512")
SECRET_MIN = 32  # bytes

COMPACT = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)  # RFC 7515, section 7.1
# Header fields by which a token brings or names its own key, or demands an extension. This service supports none.
REFUSED_HEADERS = {"jku", "jwk", "x5u", "x5c", "crit", "b64"}
TIMES = ("exp", "nbf", "iat")
SHORT = 100  # characters, of what a token says, in the log

# PyJWT warns of secrets shorter than the hash (RFC 7518, section 3.2). 32 bytes are strong enough for every hash.
warnings.filterwarnings("ignore", category=jwt.InsecureKeyLengthWarning)

MODES = {
    OPEN: "open: everybody who knows a user_id can act for that user",
    SECRET: "tokens signed with the shared secret (HS256, HS384, HS512)",
    JWKS: "tokens signed with a key of the issuer's key set",
}

# The claims that these errors are about; the messages of others name theirs.
CLAIMS: dict[type[Exception], str] = {
    jwt.ExpiredSignatureError: "exp",
    jwt.InvalidAudienceError: "aud",
    jwt.InvalidIssuerError: "iss",
}

# The algorithms of a mode, what finds a key, and what notes that a signature matches none.
Source = tuple[Collection[str], FindKey, Callable[[], None]]


class Tokens(jwt.PyJWT):
    """PyJWT, which would also take a time that is written as a string."""

    def _decode_payload(self, decoded: dict[str, Any]) -> dict[str, Any]:
        claims: dict[str, Any] = super()._decode_payload(decoded)
        for name in TIMES:
            if name in claims and type(claims[name]) not in (int, float):
                raise jwt.DecodeError(f"{name} is no number")
        return claims


TOKENS = Tokens()


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
    if mode == OPEN:
        return None
    algorithms, find_key, doubt = _use_secret(secret) if mode == SECRET else _use_key_set(config)
    verify = partial(
        _verify,
        algorithms=algorithms,
        find_key=find_key,
        doubt=doubt,
        issuer=config["JWT_ISSUER"],
        audience=config["JWT_AUDIENCE"],
        leeway=config["JWT_LEEWAY"],
    )
    return AcceptedTokens(verify, find_key).find_subject


def _use_secret(secret: str) -> Source:
    if len(secret.encode()) < SECRET_MIN:
        raise StartError(f"JWT_SECRET must have at least {SECRET_MIN} bytes.")
    return SYMMETRIC, lambda _key_id, _algorithm: secret, lambda: None


def _use_key_set(config: Mapping[str, Any]) -> Source:
    # Half of the threads stay free for requests that have nothing to wait for.
    key_set = KeySet(config["JWKS_URL"], config["JWKS_MAX_STALE"], waiters=max(1, config["THREADS"] // 2))
    return ASYMMETRIC, key_set.find, key_set.doubt


def fetch_keys(config: Mapping[str, Any]) -> None:
    """Fetch the key set, if there is one, so that the workers find it when they start. Failing is only logged."""
    if config["AUTH_MODE"] == JWKS:
        KeySet(config["JWKS_URL"], config["JWKS_MAX_STALE"]).fetch_now()


def _verify(  # noqa: PLR0913 -- all but the token are bound once.
    token: str,
    *,
    algorithms: Collection[str],
    find_key: FindKey,
    doubt: Callable[[], None],
    issuer: str | None,
    audience: str | None,
    leeway: int,
) -> Accepted:
    """Return a token whose signature and claims are valid.

    Raises `TokenExpired`, `InvalidToken` or `KeysUnavailable`.
    """
    algorithm, key_id = _read_header(token, algorithms)
    key = find_key(key_id, algorithm)
    if key is None:
        raise InvalidToken(f"the key set has no key {_shorten(key_id)} for {algorithm}")
    required = ["exp", "sub", *(["iss"] if issuer else []), *(["aud"] if audience else [])]
    try:
        claims = TOKENS.decode(
            token,
            key,
            algorithms=[algorithm],
            issuer=issuer,
            audience=audience,
            leeway=leeway,
            options={"require": required, "verify_aud": audience is not None, "verify_iss": issuer is not None},
        )
    except jwt.ExpiredSignatureError as error:
        raise TokenExpired(_describe_refusal(error, token)) from error
    except jwt.InvalidSignatureError as error:
        doubt()
        raise InvalidToken(str(error)) from error
    except Exception as error:  # A hostile token may raise anything in a parser.
        raise InvalidToken(_describe_refusal(error, token)) from error
    begins = max(int(claims.get(name, 0)) for name in ("nbf", "iat"))  # PyJWT leaves out fractions, too.
    return Accepted(str(claims["sub"]), key_id, algorithm, key, begins - leeway, int(claims["exp"]) + leeway)


def _read_header(token: str, algorithms: Collection[str]) -> tuple[str, str | None]:
    """Return the algorithm and the key id. Raises `InvalidToken`."""
    if not COMPACT.fullmatch(token):
        raise InvalidToken("it is no signed JWT")
    try:
        header = jwt.get_unverified_header(token)
        algorithm = header.get("alg")
        is_allowed = algorithm in algorithms
    except Exception as error:  # A hostile token may raise anything in a parser.
        raise InvalidToken(str(error)) from error
    if not is_allowed:
        raise InvalidToken(f"alg is {_shorten(algorithm)}, not one of {', '.join(sorted(algorithms))}")
    if refused := REFUSED_HEADERS & header.keys():
        raise InvalidToken(f"its header has {', '.join(sorted(refused))}")
    return str(algorithm), header.get("kid")


def _describe_refusal(error: Exception, token: str) -> str:
    """Say why a token was refused, with the value of the claim that is at fault. The signature is good by then."""
    claim = CLAIMS.get(type(error))
    if claim is None:
        return str(error)
    claims = jwt.decode(token, options={"verify_signature": False})
    return f"{claim} is {_shorten(claims.get(claim))}: {error}"


def _shorten(value: object) -> str:
    return repr(value)[:SHORT]


def sign(user_id: str, lifetime: timedelta, config: Mapping[str, Any]) -> str:
    """Return a token for that user, signed with the shared secret and valid for `lifetime` from now on."""
    now = int(time.time())
    claims = {"sub": user_id, "iat": now, "exp": now + int(lifetime.total_seconds())}
    claims |= {"iss": config["JWT_ISSUER"]} if config["JWT_ISSUER"] else {}
    claims |= {"aud": config["JWT_AUDIENCE"]} if config["JWT_AUDIENCE"] else {}
    return jwt.encode(claims, config["JWT_SECRET"], algorithm=SYMMETRIC[0])
