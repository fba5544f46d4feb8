"""The doctor finds what is wrong, and says how to mend it."""

from pathlib import Path
from typing import Any

from flask import Flask

from app.database.embedded import SUPERUSER, EmbeddedServer
from app.database.migrations import newest_migration
from tests.support.commands import command, flask
from tests.support.databases import connected, migrate
from tests.support.issuer import issuing, private_key, public_jwk
from tests.support.project import copy_of_the_project


def findings(**settings: Any) -> tuple[int, str]:
    result = command("doctor", **settings)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.output


def test_what_is_well_and_what_is_not(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path / "postgresql")
    server.start()
    url = server.url()
    status, text = findings(DATABASE_URL=url)
    assert status == 1
    assert [line for line in text.splitlines() if line.startswith("✗")] == [
        f"✗ The database is not at migration {newest_migration()}. First run: flask db upgrade",
        "✗ timeouts: statement 0, lock 0; run: flask role-timeouts",
    ]
    assert "✓ row security binds the role tasks: True" in text  # The role is known without any migration.

    migrate(url)
    assert command("role-timeouts", DATABASE_URL=url).exit_code == 0
    status, text = findings(DATABASE_URL=url)
    assert (status, text.count("✓"), text.count("✗")) == (0, len(text.splitlines()), 0), text
    for sentence in (
        "encoding: UTF8",
        f"the schema is at migration {newest_migration()}",
        "the database is writable",
        "row security binds the role tasks: True",
    ):
        assert f"✓ {sentence}\n" in text

    for settings, sentence in (
        ({"ROW_SECURITY": False}, "✗ ROW_SECURITY is off, but not so in the database. First run: flask row-security"),
        ({"WORKERS": 50}, "✗ connections: at most 250 of the server's 97; lower WEB_CONCURRENCY"),
        ({"HOST": "0.0.0.0"}, "✗ authentication: With AUTH_MODE=open, everybody"),
        ({"HOST": "0.0.0.0", "ALLOW_PUBLIC_OPEN": True}, "behind 0 trusted proxies; put one before it"),
        ({"DATABASE_URL": server.url(SUPERUSER)}, "✗ row security binds the role postgres: False; give the service"),
    ):
        status, text = findings(**{"DATABASE_URL": url, **settings})
        assert status == 1
        assert sentence in text
    server.stop()


def test_the_key_set_is_fetched(app: Flask) -> None:
    key = public_jwk(private_key("ES256"), "ES256", kid="a")
    with issuing(key, {**key, "kid": "b", "use": "enc"}, {"kty": "oct", "k": "c2VjcmV0"}) as issuer:
        settings = {"DATABASE_URL": app.config["DATABASE_URL"], "AUTH_MODE": "jwks", "JWKS_URL": issuer.url}
        assert "✓ key set: 1 to be used, for ES256" in findings(**settings)[1]
        issuer.keys = [key, public_jwk(private_key("EdDSA"), "EdDSA", kid="c")]
        assert "✓ key set: 2 to be used, for ES256, Ed25519, EdDSA" in findings(**settings)[1]
        for behaviour, sentence in (
            ("500", "the issuer answers 500; check JWKS_URL"),
            ("garbage", "it is no JSON: "),
            ("empty", "it has no key that can be used; check JWKS_URL"),
        ):
            issuer.behaviour = behaviour
            status, text = findings(**settings)
            assert status == 1
            assert f"✗ key set: {sentence}" in text
    assert "✗ key set: [Errno 111] Connection refused; check JWKS_URL" in findings(**settings)[1]


def test_a_newer_migration_is_well_and_a_read_only_database_is_not(server: EmbeddedServer) -> None:
    assert command("role-timeouts", DATABASE_URL=server.url()).exit_code == 0
    with connected(server.url()) as cursor:
        cursor.execute("UPDATE alembic_version SET version_num = '9999'")
    status, text = findings(DATABASE_URL=server.url())
    assert (status, "✓ the schema is at migration 9999\n" in text) == (0, True), text
    with connected(server.url(SUPERUSER)) as cursor:
        cursor.execute("ALTER DATABASE tasks SET default_transaction_read_only = on")
    status, text = findings(DATABASE_URL=server.url())
    assert status == 1
    assert "✗ The database is read-only: default_transaction_read_only is on" in text


def test_what_the_database_refuses_is_said_with_its_cause(server: EmbeddedServer) -> None:
    with connected(server.url(SUPERUSER)) as cursor:
        cursor.execute("ALTER TABLE alembic_version OWNER TO postgres")
    status, text = findings(DATABASE_URL=server.url())
    assert status == 1
    assert "✗ the database refuses: permission denied for table alembic_version" in text


def test_a_database_that_is_away_is_said_without_its_password() -> None:
    status, text = findings(DATABASE_URL="postgresql://me:very-secret@127.0.0.1:9/x")
    assert status == 1
    assert "✗ the database can't be reached" in text
    assert "very-secret" not in text


def test_the_embedded_server_needs_no_cure(tmp_path: Path) -> None:
    directory = copy_of_the_project(tmp_path / "project")
    assert flask("db", "upgrade", directory=directory).returncode == 0
    completed = flask("doctor", directory=directory)
    assert "✓ DATABASE_URL: database tasks on the embedded server" in completed.stdout
    assert "✓ timeouts: statement 5s, lock 2s\n" in completed.stdout
    assert (completed.returncode, "✗" in completed.stdout) == (0, False), completed.stdout
