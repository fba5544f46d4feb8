"""`flask doctor`: each thing that an operator can get wrong, on a line of its own, with the remedy."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

import click
import psycopg2
from flask import Flask, current_app
from flask.cli import with_appcontext

from app.auth.exposure import require_privacy
from app.auth.jwks import FETCH_ERRORS, fetch, read_keys
from app.auth.tokens import MODES
from app.database.engine import make_engine_url
from app.database.failures import DATABASE_ERRORS, describe, is_unavailable
from app.database.readiness import State, find_encoding_fault, find_schema_fault, find_write_fault, read_state
from app.database.server_facts import read_server_facts
from config import JWKS, is_this_machine

CLOCKS_MAY_DIFFER = 2  # seconds
LIBPQ_MIN = 140000  # with channel binding and SCRAM, as Neon wants them

Finding = tuple[bool, str]


def init_app(app: Flask) -> None:
    """Add the command."""
    app.cli.add_command(doctor)


@click.command("doctor")
@with_appcontext
def doctor() -> None:
    """Check the settings and the database, and say how to mend what is amiss."""
    findings = [*_check_settings(current_app.config), *_check_database(current_app.config)]
    for is_well, sentence in findings:
        click.echo(f"{'✓' if is_well else '✗'} {sentence}")
    if not all(is_well for is_well, _ in findings):
        raise click.exceptions.Exit(1)


def _check_settings(config: Mapping[str, Any]) -> Iterator[Finding]:
    url = make_engine_url(config["SQLALCHEMY_DATABASE_URI"])
    where = "the embedded server" if config["DATABASE_URL"] is None else f"{url.host or url.query.get('host')}"
    yield True, f"DATABASE_URL: database {url.database} on {where}"
    libpq = psycopg2.__libpq_version__
    yield libpq >= LIBPQ_MIN, f"driver: psycopg2 with libpq {libpq // 10000}"
    try:
        require_privacy(config, [config["HOST"]])
        yield True, f"authentication: {MODES[config['AUTH_MODE']]}"
    except SystemExit as refusal:
        yield False, f"authentication: {refusal}"
    if config["AUTH_MODE"] == JWKS:
        yield _check_key_set(config["JWKS_URL"])
    is_private, proxies = is_this_machine(config["HOST"]), config["TRUSTED_PROXIES"]
    cure = "" if is_private or proxies else "; put one before it (deploy/nginx.conf), and set TRUSTED_PROXIES to 1"
    yield bool(is_private or proxies), f"HOST is {config['HOST']}, behind {proxies} trusted proxies{cure}"


def _check_key_set(url: str) -> Finding:
    try:
        keys = read_keys(fetch(url))
    except FETCH_ERRORS as error:
        return False, f"key set: {error}; check JWKS_URL, and that the issuer runs"
    count = len({key_id for key_id, _ in keys if key_id is not None}) or 1
    algorithms = ", ".join(sorted({algorithm for _, algorithm in keys}))
    return True, f"key set: {count} to be used, for {algorithms}"


def _check_database(config: Mapping[str, Any]) -> Iterator[Finding]:
    try:
        state = read_state()
        facts = read_server_facts()
    except DATABASE_ERRORS as error:
        problem = "can't be reached" if is_unavailable(error) else "refuses"
        yield False, f"the database {problem}: {describe(error)}; check DATABASE_URL, and that the server runs"
        return
    yield True, f"the database answers: PostgreSQL {facts.version}"

    needs_tls = config["DATABASE_URL"] is not None and not facts.is_local
    cure = "; add sslmode=require to DATABASE_URL" if needs_tls and not facts.uses_tls else ""
    yield not cure, f"TLS: {'on' if facts.uses_tls else 'off'}{'' if needs_tls else ', on this machine'}{cure}"

    yield from _check_state(state)
    if config["ROW_SECURITY"] and state.role_is_bound is not None:
        cure = "" if state.role_is_bound else "; give the service a role that is no superuser and has no BYPASSRLS"
        yield state.role_is_bound, f"row security binds the role {facts.role}: {state.role_is_bound}{cure}"

    have_timeouts = "0" not in (facts.statement_timeout, facts.lock_timeout)
    cure = "" if have_timeouts else "; run: flask role-timeouts"
    yield have_timeouts, f"timeouts: statement {facts.statement_timeout}, lock {facts.lock_timeout}{cure}"

    wanted = config["WORKERS"] * (config["THREADS"] + 1)
    cure = "" if wanted <= facts.connections else "; lower WEB_CONCURRENCY or THREADS, or use PgBouncer"
    yield not cure, f"connections: at most {wanted} of the server's {facts.connections}{cure}"

    apart = abs(facts.clock - time.time())
    cure = "" if apart <= CLOCKS_MAY_DIFFER else "; synchronize them (NTP), or tokens are refused"
    yield not cure, f"clocks: {apart:.1f} s apart{cure}"


def _check_state(state: State) -> Iterator[Finding]:
    writes = "a standby, which answers reads only" if state.is_standby else "writable"
    for fault, finding in (
        (find_encoding_fault(state), f"encoding: {state.encoding}"),
        (find_schema_fault(state), f"the schema is at migration {state.migration}"),
        (find_write_fault(state), f"the database is {writes}"),
    ):
        yield fault is None, fault or finding
