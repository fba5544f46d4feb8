"""Who may reach a service that looks at no token."""

from collections.abc import Iterable, Mapping
from typing import Any

from config import JWKS, OPEN, SECRET, StartError, is_this_machine


def require_privacy(config: Mapping[str, Any], hosts: Iterable[str]) -> None:
    """Refuse to serve the open mode on addresses that other machines reach or behind a proxy, unless that is meant.

    Raises `StartError`.
    """
    if config["AUTH_MODE"] != OPEN or config["ALLOW_PUBLIC_OPEN"]:
        return
    cure = f"Set AUTH_MODE to {SECRET} or {JWKS}, or, if a public open service is meant, ALLOW_PUBLIC_OPEN=true."
    if config["TRUSTED_PROXIES"]:
        raise StartError(
            f"With AUTH_MODE={OPEN}, everybody who reaches the proxy can read and change all tasks. {cure}"
        )
    for host in hosts:
        if not is_this_machine(host):
            raise StartError(
                f"With AUTH_MODE={OPEN}, everybody who reaches {host or 'this machine'} can read and change all tasks."
                f" {cure}"
            )
