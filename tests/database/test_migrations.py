"""The migrations: up, down, as SQL, and the functions that they make."""

import re
from collections.abc import Iterator
from pathlib import Path

import flask_migrate
import pytest
from flask import Flask
from sqlalchemy import text

from app import create_app
from app.database.embedded import EmbeddedServer
from app.database.migrations import newest_migration
from app.extensions import db
from config import Config
from tests.support.commands import flask
from tests.support.databases import connected, differences_from_the_models


@pytest.fixture(params=[18, 16])
def empty_app(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Flask]:
    """The application on an empty database of that version of PostgreSQL."""
    server = EmbeddedServer(tmp_path / "postgresql", request.param)
    server.start()
    app = create_app(Config(DATABASE_URL=server.url()))
    with app.app_context():
        yield app
        db.engine.dispose()
    server.stop()


def test_the_migrations_go_up_and_down_and_match_the_models(empty_app: Flask) -> None:
    def leftovers() -> list[str]:
        with db.engine.connect() as connection:
            functions = connection.execute(
                text("SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace")
            ).scalars()
            tables = connection.execute(
                text("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'")
            ).scalars()
            return [*functions, *tables]

    flask_migrate.upgrade()
    assert differences_from_the_models(empty_app.config["DATABASE_URL"]) == []
    flask_migrate.downgrade(revision="base")
    assert leftovers() == ["alembic_version"]
    flask_migrate.upgrade()
    assert differences_from_the_models(empty_app.config["DATABASE_URL"]) == []


def test_an_id_tells_its_time_to_the_microsecond_and_the_order(empty_app: Flask) -> None:
    flask_migrate.upgrade()
    with db.engine.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT uuidv7_timestamp(id) AS time, before, clock_timestamp() AS after, id::text FROM"
                " (SELECT clock_timestamp() AS before, uuidv7() AS id FROM generate_series(1, 1000)) AS ids"
            )
        ).all()
    assert all(row.before <= row.time <= row.after for row in rows)
    assert [row.time for row in rows] == sorted(row.time for row in rows)
    assert len({row.id for row in rows}) == 1000
    assert all(re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", r.id) for r in rows)
    assert [row.id[:18] for row in rows] == sorted(row.id[:18] for row in rows)


def test_an_id_of_a_time_is_unique_and_gives_it_back_to_the_microsecond(empty_app: Flask) -> None:
    flask_migrate.upgrade()
    with db.engine.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT time, uuidv7_at(time) AS id, uuidv7_timestamp(uuidv7_at(time)) AS told FROM"
                " (SELECT timestamptz '2026-01-22 10:00:00Z' + n / 2 * interval '1 microsecond' AS time"
                " FROM generate_series(1, 4000) AS n) AS times"
            )
        ).all()
    assert [row.told for row in rows] == [row.time for row in rows]
    assert len({row.id for row in rows}) == 4000
    assert all(row.id.version == 7 for row in rows)
    assert [row.id.hex[:16] for row in rows] == sorted(row.id.hex[:16] for row in rows)


def test_a_newer_migration_is_left_as_it_is_and_the_command_says_so(server: EmbeddedServer) -> None:
    sentence = (
        f"The database is at migration 9999, of a newer version than this one, which ends at {newest_migration()}"
    )
    with connected(server.url()) as cursor:
        cursor.execute("UPDATE alembic_version SET version_num = '9999'")
        upgrade = flask("db", "upgrade", DATABASE_URL=server.url())  # It precedes each start, a roll-back's too.
        assert (upgrade.returncode, upgrade.stderr.splitlines()[-1]) == (0, f"{sentence}: there is nothing to upgrade")
        downgrade = flask("db", "downgrade", DATABASE_URL=server.url())
        assert (downgrade.returncode, downgrade.stderr.splitlines()[-1]) == (1, f"{sentence}: use that version")
        cursor.execute("SELECT version_num FROM alembic_version")
        assert cursor.fetchall() == [("9999",)]


def test_the_migrations_can_be_written_as_sql(app: Flask) -> None:
    completed = flask("db", "upgrade", "--sql", DATABASE_URL=app.config["DATABASE_URL"])
    assert completed.returncode == 0, completed.stderr
    assert "CREATE TABLE tasks" in completed.stdout
