"""An issuer of tokens: its keys, the tokens that it signs, and the server of its key set, which can misbehave."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import get_default_algorithms
from jwt.utils import base64url_encode

from tests.support.waiting import wait_for

SECRET = "a shared secret of more than 32 bytes, for the tests only"


def private_key(algorithm: str) -> Any:
    """Make a new key for that algorithm."""
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    if algorithm.startswith("ES"):
        curves: dict[str, ec.EllipticCurve] = {"256": ec.SECP256R1(), "384": ec.SECP384R1(), "512": ec.SECP521R1()}
        return ec.generate_private_key(curves[algorithm[2:]])
    return rsa.generate_private_key(65537, 2048)


def public_jwk(key: Any, algorithm: str, **members: Any) -> dict[str, Any]:
    """Return the public half as the issuer publishes it."""
    jwk = get_default_algorithms()[algorithm].to_jwk(key.public_key(), as_dict=True)
    jwk.pop("key_ops", None)
    return {**jwk, **members}


def as_document(*keys: Any) -> bytes:
    """Return the set of these keys, as the issuer publishes it."""
    return json.dumps({"keys": keys}).encode()


def claims(sub: Any = "alice", **others: Any) -> dict[str, Any]:
    """Return good claims; what is None is left out."""
    now = int(time.time())
    all_of_them = {"sub": sub, "iat": now, "exp": now + 900, **others}
    return {name: value for name, value in all_of_them.items() if value is not None}


def token(payload: dict[str, Any] | None = None, key: Any = SECRET, algorithm: str = "HS256", **headers: Any) -> str:
    """Sign a token."""
    return jwt.encode(payload or claims(), key, algorithm=algorithm, headers=headers)


def raw(header: Any, payload: Any, signature: bytes = b"") -> str:
    """Build a token of any header, payload and signature, without checking them."""
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, payload)]
    return b".".join(base64url_encode(part) for part in (*parts, signature)).decode()


def raw_signed(payload: Any) -> str:
    """Sign any payload with the shared secret."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    signed = jwt.PyJWS().encode(body, SECRET, algorithm="HS256")
    return str(signed)


class Issuer:
    """The server of a key set. `behaviour` is how it answers; `fetches` counts the requests."""

    def __init__(self, *keys: dict[str, Any]) -> None:
        self.keys = list(keys)
        self.behaviour = "well"
        self.fetches = 0
        self.headers: list[dict[str, str]] = []
        self.released = threading.Event()
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.fetches += 1
                issuer.headers.append(dict(self.headers))
                with suppress(OSError):  # The client may have closed the connection.
                    issuer.answer(self)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/api/auth/jwks?v=1"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        wait_for(lambda: self.behaviour != "late")
        body = as_document(*self.keys)
        status = 200
        match self.behaviour:
            case "hang":
                self.released.wait(60)
                return
            case "trickle":
                handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
                while not self.released.wait(0.2):
                    handler.wfile.write(b"x")
                return
            case "hang up":
                return
            case "garbage":
                body = b"\xff<html>{[" * 100
            case "nested":
                body = b"[" * 100_000
            case "not a set":
                body = b'[{"keys": 5}]'
            case "empty":
                body = b'{"keys": []}'
            case "500":
                status = 500
            case "redirect":
                status = 302
            case "10 MB":
                body = b'{"keys": [' + b" " * 10_000_000 + body[10:]
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def stop(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def issuing(*keys: dict[str, Any]) -> Iterator[Issuer]:
    """Run an issuer for as long as the block takes."""
    issuer = Issuer(*keys)
    try:
        yield issuer
    finally:
        issuer.stop()
