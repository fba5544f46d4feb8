"""Who may act for whom: bearer tokens (RFC 6750) that are JWTs (RFC 7519, RFC 8725) which somebody else issues."""

import re
import time
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import timedelta
from functools import partial
from ipaddress import ip_address
from typing import Any

import click
import jwt
from flask import Flask, current_app, request
from flask.cli import with_appcontext

from app.auth.keys import ALGORITHMS as ASYMMETRIC
from app.auth.keys import KeySet
from app.web.errors import AccessForbidden, InvalidToken, NotAuthenticated, TokenExpired
from config import AUTH_MODES, StartError

OPEN, SECRET, JWKS = AUTH_MODES
SYMMETRIC = ("HS256", "HS384", "HS512")
SECRET_MIN = 32  # bytes

BEARER = re.compile(r"bearer +(\S+)", re.IGNORECASE)
COMPACT = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)  # RFC 7515, section 7.1
# Headers by which a token would bring or name its own key, or ask for an extension: we have none.
REFUSED_HEADERS = {"jku", "jwk", "x5u", "x5c", "crit", "b64"}

# The contract is 32 bytes for every hash, which is as strong as any of them needs.
warnings.filterwarnings("ignore", category=jwt.InsecureKeyLengthWarning)

MODES = {
    OPEN: "open: whoever knows a user_id acts for that user",
    SECRET: "tokens signed with the shared secret (HS256, HS384, HS512)",
    JWKS: "tokens signed with a key of the issuer's key set",
}

FindKey = Callable[[str | None, str], Any]


def init_app(app: Flask) -> None:
    """Put every route below `/api` behind the lock that the settings ask for.

    Raises `StartError` where they contradict each other.
    """
    app.cli.add_command(print_token)
    verify = _verifier(app.config)
    if verify is not None:
        app.before_request(partial(_require_owner, verify))


def _verifier(config: Mapping[str, Any]) -> Callable[[str], str] | None:
    """Return the function that returns the subject of a good token, or None where no token is looked at."""
    mode, secret, url = config["AUTH_MODE"], config["JWT_SECRET"], config["JWKS_URL"]
    if (mode == SECRET) != bool(secret) or (mode == JWKS) != bool(url):
        raise StartError(
            f"AUTH_MODE={SECRET} needs JWT_SECRET, AUTH_MODE={JWKS} needs JWKS_URL, and each refuses the other's:"
            " a public key must never be taken for a secret."
        )
    check = partial(_subject, issuer=config["JWT_ISSUER"], audience=config["JWT_AUDIENCE"], leeway=config["JWT_LEEWAY"])
    if mode == SECRET:
        if len(secret.encode()) < SECRET_MIN:
            raise StartError(f"JWT_SECRET must have at least {SECRET_MIN} bytes.")
        return partial(check, algorithms=SYMMETRIC, find_key=lambda _key_id, _algorithm: secret)
    if mode == JWKS:
        key_set = KeySet(url, config["JWKS_MAX_STALE"])
        return partial(check, algorithms=ASYMMETRIC, find_key=key_set.find)
    return None


def _require_owner(verify: Callable[[str], str]) -> None:
    """Let the owner of the path in, before the body is read. What matches no route needs a good token too.

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


def _subject(  # noqa: PLR0913 -- all but the token are bound once.
    token: str,
    *,
    algorithms: Collection[str],
    find_key: FindKey,
    issuer: str | None,
    audience: str | None,
    leeway: float,
) -> str:
    """Return the subject of a token whose signature and claims are good. Raises `TokenExpired` or `InvalidToken`."""
    if not COMPACT.fullmatch(token):
        raise InvalidToken()
    try:
        header = jwt.get_unverified_header(token)
        algorithm, key_id = header["alg"], header.get("kid")
        if algorithm not in algorithms or REFUSED_HEADERS & header.keys():
            raise InvalidToken()
    except Exception as error:  # Whatever a token can do to its reader: it is not let in.
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


def require_privacy(config: Mapping[str, Any], hosts: Iterable[str]) -> None:
    """Refuse to let everybody in from everywhere, unless that is what the operator wants.

    Raises `StartError` where a host is not this machine alone.
    """
    if config["AUTH_MODE"] != OPEN or config["ALLOW_PUBLIC_OPEN"]:
        return
    for host in hosts:
        if not is_loopback(host):
            raise StartError(
                f"With AUTH_MODE={OPEN}, everybody who reaches {host or 'this machine'} can read and change all tasks."
                f" Set AUTH_MODE to {SECRET} or {JWKS}, or, if a public open service is meant, ALLOW_PUBLIC_OPEN=true."
            )


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches that address."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


class Lifetime(click.ParamType[timedelta]):
    """A time span such as 90s, 30m, 1h or 7d."""

    name = "lifetime"
    units = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Return the time span, or fail with a sentence."""
        match = re.fullmatch(r"([1-9]\d{0,8})([smhd])", value)
        if match is None:
            self.fail(f"{value!r} is not a number of s, m, h or d, such as 90s or 1h", param, ctx)
        return timedelta(**{self.units[match[2]]: int(match[1])})


@click.command("token")
@click.argument("user_id")
@click.option("--expires", default="1h", show_default=True, type=Lifetime(), help="For how long: 90s, 30m, 1h, 7d.")
@with_appcontext
def print_token(user_id: str, expires: timedelta) -> None:
    """Print a token for USER_ID, in the mode of a shared secret."""
    config = current_app.config
    if config["AUTH_MODE"] != SECRET:
        raise click.ClickException(f"only AUTH_MODE={SECRET} can sign tokens; here it is {config['AUTH_MODE']}")
    now = int(time.time())
    claims = {"sub": user_id, "iat": now, "exp": now + int(expires.total_seconds())}
    claims |= {"iss": config["JWT_ISSUER"]} if config["JWT_ISSUER"] else {}
    claims |= {"aud": config["JWT_AUDIENCE"]} if config["JWT_AUDIENCE"] else {}
    click.echo(jwt.encode(claims, config["JWT_SECRET"], algorithm=SYMMETRIC[0]))
